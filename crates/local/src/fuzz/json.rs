//! JSON, as it should be and as it should not.

use fastrand::Rng;

use super::text::{chance, damage, name, pick, text};

/// Numbers that do not fit everywhere.
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "1",
    "-1",
    "42.10",
    "1e5",
    "1E-400",
    "1e400",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "18446744073709551616",
    "123456789012345678901234567890123456789",
    "0.1234567890123456789012345678901234567890",
];
/// Texts that are not numbers, although some parsers accept them.
const NO_NUMBERS: [&str; 8] = ["01", "+1", "1.", ".5", "0x10", "NaN", "-Infinity", "1e"];
/// Escapes, three of which mean nothing.
const ESCAPES: [&str; 8] =
    ["\\u0000", "\\ud83d\\ude00", "\\ud800", "\\udc00\\ud800", "\\uffff", "\\n", "\\x41", "\\u12"];

/// Returns a JSON value that every parser reads.
pub(super) fn value(rng: &mut Rng, depth: usize) -> String {
    match rng.u32(..if depth == 0 { 5 } else { 8 }) {
        0 => pick(rng, &["null", "true", "false"]).to_owned(),
        1 => NUMBERS[rng.usize(..6)].to_owned(),
        2 | 3 => string(rng),
        4 => format!("{}.{:02}", rng.i32(..), rng.u32(..100)),
        5 => {
            let items: Vec<String> = (0..rng.usize(..4)).map(|_| value(rng, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let members = (0..rng.usize(..4)).map(|at| (format!("{}{at}", name(rng)), value(rng, depth - 1)));
            object(&members.collect::<Vec<_>>())
        }
    }
}

/// Returns a text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn string(rng: &mut Rng) -> String {
    quoted(&text(rng))
}

/// Returns an object of these members, in this order, doubled ones included.
pub(super) fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// Returns a value that a member does not expect.
pub(super) fn odd_value(rng: &mut Rng) -> String {
    match rng.u32(..9) {
        0 => NUMBERS[rng.usize(..NUMBERS.len())].to_owned(),
        1 => NO_NUMBERS[rng.usize(..NO_NUMBERS.len())].to_owned(),
        2 => format!("\"{}\"", ESCAPES[rng.usize(..ESCAPES.len())]),
        3 => nested(rng),
        4 => "9".repeat(rng.usize(1..2_000)),
        5 => String::new(),
        6 => string(rng),
        _ => value(rng, 2),
    }
}

/// Returns arrays or objects, nested around the depth that is still accepted or far beyond.
fn nested(rng: &mut Rng) -> String {
    let depth = if chance(rng, 90) { rng.usize(60..70) } else { rng.usize(..50_000) };
    if rng.bool() {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    } else {
        format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    }
}

/// Changes a member, removes one, adds one, or doubles one.
pub(super) fn mutate(rng: &mut Rng, members: &mut Vec<(String, String)>) {
    let at = rng.usize(..members.len().max(1));
    match rng.u32(..7) {
        0..3 => {
            let odd = odd_value(rng);
            if let Some(member) = members.get_mut(at) {
                member.1 = odd;
            }
        }
        3 if at < members.len() => drop(members.remove(at)),
        4 if at < members.len() => {
            let twin = (members[at].0.clone(), value(rng, 1));
            members.push(twin);
        }
        5 => {
            let renamed = text(rng);
            if let Some(member) = members.get_mut(at) {
                member.0 = renamed;
            }
        }
        _ => {
            let own = ["cell", "epoch", "originid", "redrives", "data_base64", "tenant_id", "datacontenttype", "time"];
            let added = if rng.bool() { pick(rng, &own).to_owned() } else { text(rng) };
            members.push((added, odd_value(rng)));
        }
    }
}

/// Returns bytes that may still be JSON.
pub(super) fn spoil(rng: &mut Rng, json: &str) -> Vec<u8> {
    let mut bytes = json.as_bytes().to_vec();
    for _ in 0..rng.usize(1..4) {
        damage(rng, &mut bytes);
    }
    bytes
}
