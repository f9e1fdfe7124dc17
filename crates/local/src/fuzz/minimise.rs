//! The smallest payload that still shows a finding.

use serde_json::Value;

/// The most tries.
const TRIES: usize = 10_000;

/// Removes from `payload` what can go without `shows` turning false.
pub(super) fn minimise(payload: &[u8], mut shows: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut tries = 0;
    let mut shows = |candidate: &[u8]| {
        tries += 1;
        tries <= TRIES && shows(candidate)
    };
    let mut smallest = payload.to_vec();
    if let Ok(mut value) = serde_json::from_slice::<Value>(payload) {
        loop {
            let next = smaller(&value).find(|next| shows(next.to_string().as_bytes()));
            let Some(next) = next else { break };
            value = next;
            smallest = value.to_string().into_bytes();
        }
    }
    let mut stretch = smallest.len() / 2;
    while stretch > 0 {
        let mut at = 0;
        while at < smallest.len() {
            let mut candidate = smallest.clone();
            candidate.drain(at..(at + stretch).min(smallest.len()));
            if shows(&candidate) {
                smallest = candidate;
            } else {
                at += stretch;
            }
        }
        stretch /= 2;
    }
    smallest
}

/// Returns values that are smaller in one place.
fn smaller(value: &Value) -> Box<dyn Iterator<Item = Value> + '_> {
    match value {
        Value::Object(members) => {
            let without = members.keys().map(move |name| {
                let mut fewer = members.clone();
                fewer.remove(name);
                Value::Object(fewer)
            });
            let within = members.iter().flat_map(move |(name, member)| {
                smaller(member).map(move |member| {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), member);
                    Value::Object(changed)
                })
            });
            Box::new(without.chain(within))
        }
        Value::Array(items) => Box::new((0..items.len()).map(move |at| {
            let mut fewer = items.clone();
            fewer.remove(at);
            Value::Array(fewer)
        })),
        Value::String(text) => {
            let length = text.chars().count();
            let halves = [(0, length / 2), (length / 2, length)].into_iter().filter(move |_| length > 8);
            let singles = (0..length.min(200)).map(|at| (at, at + 1));
            Box::new(halves.chain(singles).map(move |(from, to)| {
                let kept = text.chars().enumerate().filter(move |(at, _)| *at < from || *at >= to);
                Value::String(kept.map(|(_, char)| char).collect())
            }))
        }
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shows_the_finding_is_left() {
        let payload = br#"{"headers":{"a":"1","ce-data":"long text"},"body":"something [[[ else","n":[1,2]}"#;
        let shows = |candidate: &[u8]| {
            let text = String::from_utf8_lossy(candidate);
            serde_json::from_slice::<Value>(candidate).is_ok() && text.contains("ce-data") && text.contains("[[")
        };
        let smallest = minimise(payload, shows);
        assert_eq!(String::from_utf8_lossy(&smallest), r#"{"":"[[","":{"ce-data":""}}"#);
    }
}
