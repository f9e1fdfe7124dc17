//! Texts that programs stumble over.

use fastrand::Rng;

/// Texts with a history.
const ODD: [&str; 46] = [
    "",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "é",
    "e\u{301}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffe}\u{ffff}",
    "\u{1ffff}",
    "😀",
    "%",
    "%00",
    "%C3%A9",
    "%C3",
    "%zz",
    "+",
    "\"",
    "\"\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "'",
    "null",
    "true",
    "0",
    "-1",
    "1e309",
    "9223372036854775808",
    "NaN",
    "{}",
    "[]",
    "a,b",
    ";",
    "#",
    "event#",
    "total#",
    "../..",
    "__proto__",
    "2026-02-30T25:61:61Z",
    "01930000-0000-7000-8000-000000000001",
    "{01930000000070008000000000000001}",
];

/// Lengths at or next to some limit.
const LENGTHS: [usize; 12] = [1, 59, 60, 61, 127, 128, 129, 255, 256, 1_024, 8_200, 17_000];

/// Returns one of a list.
pub(super) fn pick<'a, T: ?Sized>(rng: &mut Rng, list: &[&'a T]) -> &'a T {
    list[rng.usize(..list.len())]
}

/// Returns whether something of this probability, in percent, happens.
pub(super) fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(..100) < percent
}

/// Returns any text: odd, long, or both.
pub(super) fn text(rng: &mut Rng) -> String {
    match rng.u32(..10) {
        0..4 => pick(rng, &ODD).to_owned(),
        4..6 => name(rng),
        6 => (0..rng.usize(..12)).map(|_| rng.char(..)).collect(),
        7 => (0..rng.usize(..12)).map(|_| char::from(rng.u8(..))).collect(),
        8 => {
            let length = LENGTHS[rng.usize(..LENGTHS.len())];
            let unit = if chance(rng, 80) { "x" } else { pick(rng, &ODD) };
            unit.repeat(length / unit.len().max(1))
        }
        _ => format!("{}{}", text(rng), pick(rng, &ODD)),
    }
}

/// Returns a text that is valid as an event type, a tenant or an attribute's name.
pub(super) fn name(rng: &mut Rng) -> String {
    (0..rng.usize(1..9)).map(|_| rng.lowercase()).collect()
}

/// Returns a text that is valid as the value of a CloudEvents attribute.
pub(super) fn attribute(rng: &mut Rng) -> String {
    if chance(rng, 60) {
        return name(rng);
    }
    let odd: String = text(rng).chars().filter(|character| !character.is_control()).take(40).collect();
    format!("{}{odd}", name(rng))
}

/// Returns a text as the value of a header: encoded, or in quotes as older senders write it.
pub(super) fn header(rng: &mut Rng, text: &str) -> String {
    let quoted = chance(rng, 20);
    let mut value = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b':' | b'+' => value.push(char::from(byte)),
            b'"' | b'\\' if quoted => value.extend(['\\', char::from(byte)]),
            b' ' if quoted => value.push(' '),
            _ => value.push_str(&format!("%{byte:02X}")),
        }
    }
    if quoted { format!("\"{value}\"") } else { value }
}

/// Changes, removes, inserts or doubles bytes in one place.
pub(super) fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    /// The most bytes at once. More is slow to make and finds nothing else.
    const STRETCH: usize = 16;
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..STRETCH)).min(bytes.len());
    match rng.u32(..7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.insert(at, rng.u8(..)),
        3 => bytes.extend_from_within(at..end),
        4 => drop(bytes.splice(at..at, pick(rng, &ODD).bytes())),
        5 => drop(bytes.splice(at..at, pick(rng, &[b"\xff".as_slice(), b"\xc3", b"\xed\xa0\x80"]).iter().copied())),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u32(..8);
            }
        }
    }
}
