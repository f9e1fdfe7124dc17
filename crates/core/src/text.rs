//! Texts of callers and services, made fit for messages and items.

/// Returns the beginning of a caller's text, fit for an error message: one line, 60 characters at most, and an ellipsis
/// where there was more.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut excerpt: String = text.chars().take(LONGEST).flat_map(char::escape_default).collect();
    if text.chars().nth(LONGEST).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// Returns as much of the beginning of a text as fits into this many bytes.
#[must_use]
pub fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("a\n'ü"), "a\\n\\'\\u{fc}");
        assert_eq!(excerpt(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(excerpt(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn a_head_ends_between_two_characters() {
        assert_eq!(head("aü", 2), "a");
        assert_eq!(head("aü", 3), "aü");
        assert_eq!(head("a", 9), "a");
    }
}
