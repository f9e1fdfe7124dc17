//! The values of a binary CloudEvent's headers
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values>).

use std::borrow::Cow;

use lambda_http::http::HeaderValue;
use percent_encoding::percent_decode_str;

/// Returns the attribute that a header's value stands for: without its quotes, then decoded once. Returns `None` for a
/// value that no encoder writes.
pub(super) fn attribute(value: &HeaderValue) -> Option<String> {
    decode(&unquote(value.to_str().ok()?)?)
}

/// Removes the double quotes of quoted strings, and the backslashes within them (RFC 9110, section 5.6.4). Older
/// versions of the binding left spaces and quotes as they are.
fn unquote(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('"') {
        return Some(Cow::Borrowed(text));
    }
    let (mut plain, mut quoted) = (String::with_capacity(text.len()), false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => plain.push(characters.next()?),
            character => plain.push(character),
        }
    }
    (!quoted).then_some(Cow::Owned(plain))
}

/// Decodes percent signs. A percent sign that begins no escape is an error: decoded or not, some reader would get
/// another text than the sender meant.
fn decode(text: &str) -> Option<String> {
    let mut after_percent = text.split('%').skip(1);
    let encoded = after_percent.all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if encoded { percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned) } else { None }
}
