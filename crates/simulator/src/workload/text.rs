//! Awkward text: characters that JSON escapes, that XML does not have, or that two bytes of UTF-16 do not hold.

use rand::Rng;
use rand::rngs::StdRng;

/// Characters by kind. Control characters are apart: no attribute of a CloudEvent may have one.
const KINDS: [&[char]; 6] = [
    &['a', 'Z', '7', ' ', '-', '/'],
    &['"', '\\', '%', '<', '&', '\'', ',', ';', '{', '}'],
    &['\u{fffe}', '\u{ffff}', '\u{fdd0}', '\u{1fffe}', '\u{10ffff}'],
    &['é', 'ß', '中', '\u{0301}', '\u{200f}', '\u{feff}', '\u{2028}', '\u{a0}'],
    &['🦀', '𝔸', '\u{1f468}', '\u{20000}'],
    &['\u{e000}', '\u{f8ff}', '\u{fffd}', '\u{d7ff}'],
];
const CONTROLS: [char; 7] = ['\u{0}', '\u{1}', '\n', '\t', '\u{1f}', '\u{7f}', '\u{9f}'];
/// Letters of a long text: more than any attribute needs. Three such attributes fit a request's headers, percent-encoded.
const LONG: usize = 300;

/// Draws a text without control characters.
pub(crate) fn attribute(rng: &mut StdRng) -> String {
    let chars = if rng.random_bool(0.05) { LONG } else { rng.random_range(1..20) };
    (0..chars).map(|_| letter(rng)).collect()
}

/// Draws a text that may have control characters.
pub(crate) fn any(rng: &mut StdRng) -> String {
    let chars = if rng.random_bool(0.05) { LONG } else { rng.random_range(1..20) };
    let draw = |_| if rng.random_bool(0.2) { CONTROLS[rng.random_range(0..CONTROLS.len())] } else { letter(rng) };
    (0..chars).map(draw).collect()
}

fn letter(rng: &mut StdRng) -> char {
    let kind = KINDS[rng.random_range(0..KINDS.len())];
    kind[rng.random_range(0..kind.len())]
}

/// Returns a text as the value of a header: percent-encoded where the HTTP binding of CloudEvents wants it
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values>).
pub(crate) fn header(text: &str) -> String {
    let mut value = String::new();
    for byte in text.bytes() {
        match byte {
            b'!' | b'#'..=b'$' | b'&'..=b'~' => value.push(char::from(byte)),
            _ => value.push_str(&format!("%{byte:02X}")),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_printable_characters_only() {
        assert_eq!(header("a \"%\u{ffff}é"), "a%20%22%25%EF%BF%BF%C3%A9");
    }
}
