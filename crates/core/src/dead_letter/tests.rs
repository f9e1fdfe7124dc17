use proptest::prelude::*;

use super::*;
use crate::queue_text::is_allowed;

const MESSAGE: &str = r#"{"specversion":"1.0","id":"019b76da-a800-7000-8000-000000000004","source":"/cellstack",
    "type":"t","time":"2026-01-01T00:00:00.000Z","tenantid":"acme","cell":"alpha","epoch":1,"data":{"a":1}}"#;

fn read(body: &str, place: Place) -> DeadLetter {
    DeadLetter::read(body, place, &"alpha".parse().unwrap(), 5, "2026-01-01T00:00:01.000Z")
}

#[test]
fn a_letter_is_read_as_it_was_written() {
    let letter = DeadLetter { reason: Reason::Refused, attempts: 1, ..read(MESSAGE, Place::Queue) };
    assert_eq!(read(&letter.encode().unwrap(), Place::Queue), letter);
}

#[test]
fn a_large_original_is_packed_and_one_that_does_not_fit_even_so_is_refused() {
    let quotes = "\"".repeat(200_000);
    let letter = DeadLetter { original: quotes.clone(), ..read(MESSAGE, Place::Queue) };
    let body = letter.encode().unwrap();
    assert!(body.len() < 10_000, "{}", body.len());
    assert_eq!(read(&body, Place::Queue), letter);

    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + ((state >> 33) % 89) as u8)
    });
    let noise: String = noise.take(400_000).collect();
    let letter = DeadLetter { original: noise, ..letter };
    assert!(matches!(letter.encode(), Err(TooLarge(_))));
}

#[test]
fn what_aws_leaves_becomes_a_letter_too() {
    let moved = read(MESSAGE, Place::Queue);
    assert_eq!((moved.reason, moved.attempts), (Reason::RetriesExhausted, 5));
    assert_eq!(moved.tenant.as_ref().unwrap().as_str(), "acme");
    assert_eq!(moved.message().unwrap().id, moved.event.unwrap());
    assert_eq!(read(MESSAGE, Place::Topic).reason, Reason::Undelivered);

    let note = r#"{"requestContext":{"condition":"RetryAttemptsExhausted","approximateInvokeCount":11}}"#;
    let discarded = read(note, Place::Stream);
    assert_eq!((discarded.reason, discarded.attempts), (Reason::StreamGaveUp, 11));
    assert_eq!(discarded.original, note);

    for (body, place) in [("", Place::Queue), ("nonsense", Place::Topic), ("{}", Place::Stream)] {
        let letter = read(body, place);
        assert_eq!((letter.reason, letter.original.as_str()), (Reason::Undecodable, body));
    }
}
#[test]
fn a_detail_of_any_length_fits_beside_the_original() {
    let cell = "alpha".parse().unwrap();
    let detail = "\u{ffff}".repeat(200_000);
    let draft = Draft {
        reason: Reason::Undecodable,
        detail: &detail,
        place: Place::Stream,
        cell: &cell,
        at: String::new(),
        attempts: 1,
    };
    let letter = DeadLetter::new(draft, None, None, MESSAGE);
    assert!(letter.encode().unwrap().len() < 10_000);
    assert!(detail.starts_with(&letter.detail) && !letter.detail.is_empty());
}

proptest! {
    // A debug build takes long to compress a large letter.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_queue_takes_a_letter_about_anything(
        original in "\\PC{0,20}[\u{0}\u{fffe}\u{ffff}\u{1ffff}\"\\\\]{0,4}\\PC{0,20}",
        detail in "\\PC{0,20}[\u{0}\u{fffe}\u{ffff}\u{1ffff}\"\\\\]{0,4}",
        copies in prop_oneof![Just(1_usize), Just(8_000)],
    ) {
        let original = original.repeat(copies);
        let letter = DeadLetter { original, detail, ..read(MESSAGE, Place::Queue) };
        let body = letter.encode().unwrap();
        prop_assert!(body.chars().all(is_allowed) && body.len() <= MAX_DEAD_LETTER);
        prop_assert_eq!(read(&body, Place::Queue), letter);
    }
}
