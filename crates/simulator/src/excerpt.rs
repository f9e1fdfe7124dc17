//! The part of a trace that a violation is about.

use std::collections::BTreeSet;

/// Lines shown where only the end of a trace is shown.
const TAIL: usize = 120;
/// Letters of an id: a UUID.
const ID: usize = 36;

/// Returns the lines that name an event of a violation or a message it travelled in, and those that say what went wrong and what
/// operators did meanwhile. Returns the last lines if the violation names no event.
#[must_use]
pub fn excerpt<'a>(lines: &'a [String], violation: &'a str) -> Vec<&'a str> {
    let mut ids: BTreeSet<&str> = ids(violation).collect();
    if ids.is_empty() {
        let skip = lines.len().saturating_sub(TAIL);
        return lines.iter().skip(skip).map(String::as_str).collect();
    }
    for line in lines.iter().filter(|line| line.contains(" as ")) {
        let named: Vec<_> = self::ids(line).collect();
        if named.iter().any(|id| ids.contains(id)) {
            ids.extend(named);
        }
    }
    let told = |line: &str| {
        line.contains(" now: ")
            || line.contains(" over: ")
            || line.contains(" fails: ")
            || line.contains("killed")
            || line.contains(" operator ")
            || self::ids(line).any(|id| ids.contains(id))
    };
    lines.iter().map(String::as_str).filter(|line| told(line)).collect()
}

fn ids(text: &str) -> impl Iterator<Item = &str> {
    let looks_like_one = |word: &&str| word.len() == ID && word.bytes().filter(|byte| *byte == b'-').count() == 4;
    text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-').filter(looks_like_one)
}
