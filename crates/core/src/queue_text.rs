//! The characters that queues and topics take, and JSON text made of them.
//!
//! SQS refuses a message that holds any other character, in its body or in a string attribute. So does an SNS
//! subscription that delivers to SQS
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>). The dead-letter
//! queue refuses such a message, too, so all JSON that is sent passes [`escape`] first.

/// Returns whether a message may hold this character: those of XML 1.0.
#[must_use]
pub const fn is_allowed(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}'
    )
}

/// Bytes by which a character's escape is longer than the character.
const GROWTH: usize = "\\uffff".len() - '\u{ffff}'.len_utf8();

/// Returns JSON text with an escape for every character that a message may not hold.
///
/// JSON text has no control characters but white space, and a Rust string has no surrogates. U+FFFE and U+FFFF remain,
/// which JSON allows within strings only, where the escape means the same.
#[must_use]
pub fn escape(json: String) -> String {
    if refused(&json) == 0 {
        return json;
    }
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// Returns the length of this JSON text once escaped, in bytes.
#[must_use]
pub fn escaped_len(json: &str) -> usize {
    json.len() + GROWTH * refused(json)
}

/// Returns the number of characters that must be escaped.
fn refused(json: &str) -> usize {
    let bytes = json.as_bytes();
    // Both are EF BF BE/BF in UTF-8, and most texts have no EF at all.
    if !bytes.contains(&0xef) {
        return 0;
    }
    bytes.windows(3).filter(|w| w[0] == 0xef && w[1] == 0xbf && w[2] >= 0xbe).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_characters_grow_and_their_neighbours_do_not() {
        let json = "\"\u{fffd}\u{fffe}\u{ffff}\u{1fffe}\u{f8ff}\"".to_owned();
        assert_eq!(escaped_len(&json), json.len() + 6);
        assert_eq!(escape(json), "\"\u{fffd}\\ufffe\\uffff\u{1fffe}\u{f8ff}\"");
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_allowed_and_means_the_same(
            text in prop::collection::vec(prop_oneof![any::<char>(), Just('\u{fffe}'), Just('\u{ffff}')], 0..40)
        ) {
            let text = String::from_iter(text);
            let json = serde_json::to_string(&text).unwrap();
            let length = escaped_len(&json);
            let escaped = escape(json);
            prop_assert!(escaped.chars().all(is_allowed), "{}", escaped.escape_debug());
            prop_assert_eq!(escaped.len(), length);
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
