//! The errors of docs/moves.md: each row of its table is said by a command of the tests in this room.

/// Returns the messages of the table, each cut where a name or a number stands.
fn documented() -> Vec<Vec<&'static str>> {
    const PAGE: &str = include_str!("../../../../../docs/moves.md");
    let (_, table) = PAGE.split_once("\n## Errors\n").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap().split('…').collect()).collect()
}

/// Returns whether a text has these parts, in this order.
fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().try_fold(text, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some()
}

/// Checks that a message is in the table.
#[track_caller]
pub(super) fn is_documented(message: &str) {
    assert!(documented().iter().any(|parts| has(message, parts)), "not in docs/moves.md: {message}");
}

#[test]
fn the_table_has_its_rows() {
    assert_eq!(documented().len(), 12);
}
