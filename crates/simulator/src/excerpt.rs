//! The part of a trace that a violation is about.

use std::collections::BTreeSet;

use crate::world::Outcome;

/// Lines shown where only the end of a trace is shown.
const TAIL: usize = 120;
/// Letters of an id: a UUID.
const ID: usize = 36;

/// Returns the lines that name an event of the first violation or a message it travelled in, and those that say what
/// went wrong meanwhile. Returns the last lines if the violation names no event.
#[must_use]
pub fn excerpt(outcome: &Outcome) -> Vec<&str> {
    let mut ids: BTreeSet<&str> = outcome.violations.iter().take(1).flat_map(|found| ids(&found.detail)).collect();
    if ids.is_empty() {
        let skip = outcome.lines.len().saturating_sub(TAIL);
        return outcome.lines.iter().skip(skip).map(String::as_str).collect();
    }
    for line in outcome.lines.iter().filter(|line| line.contains(" as ")) {
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
            || self::ids(line).any(|id| ids.contains(id))
    };
    outcome.lines.iter().map(String::as_str).filter(|line| told(line)).collect()
}

fn ids(text: &str) -> impl Iterator<Item = &str> {
    let looks_like_one = |word: &&str| word.len() == ID && word.bytes().filter(|byte| *byte == b'-').count() == 4;
    text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-').filter(looks_like_one)
}
