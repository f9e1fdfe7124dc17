//! Any change of any byte, and any bytes.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// A snapshot of three blocks.
static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| bytes(3_500));

/// Returns the object with a byte of its first line, its index or its blocks changed, or cut off there. `None` if it is the
/// same then.
fn changed(part: u8, at: prop::sample::Index, to: Option<u8>) -> Option<Vec<u8>> {
    let mut object = OBJECT.clone();
    let index = Beginning::read(&object, object.len() as u64).unwrap().index();
    let (index, blocks) = (index.start as usize, index.end as usize);
    let at = match part {
        0 => at.index(index),
        1 => index + at.index(blocks - index),
        _ => blocks + at.index(object.len() - blocks),
    };
    match to {
        None => object.truncate(at),
        Some(to) if object[at] == to => return None,
        Some(to) => object[at] = to,
    }
    Some(object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn one_byte_changed_or_the_end_cut_off_and_it_is_refused(
        part in 0_u8..3, at in any::<prop::sample::Index>(), to in any::<u8>(), cut: bool,
    ) {
        let object = changed(part, at, (!cut).then_some(to));
        prop_assume!(object.is_some());
        // The first line may vary in spelling, time, and the numbers that the whole snapshot is checked for.
        if let Ok((index, routes)) = read(&object.unwrap()) {
            prop_assert!(!cut && part == 0);
            prop_assert_eq!(index.cells(), &cells());
            prop_assert_eq!(routes, (0..3_500).map(route).collect::<Vec<_>>());
        }
    }

    /// A byte of one block changes nothing for the tenants of the others.
    #[test]
    fn a_block_that_was_edited_fails_alone(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let object = changed(2, at, Some(to));
        prop_assume!(object.is_some());
        let object = object.unwrap();
        let index = open(&object).unwrap();
        let decoded = index.blocks().map(|block| {
            let place = block.place();
            block.decode(&object[place.start as usize..place.end as usize]).is_err()
        });
        prop_assert_eq!(decoded.filter(|failed| *failed).count(), 1);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size: u64) {
        prop_assert!(read(&bytes).is_err());
        prop_assert!(Beginning::read(&bytes, size).is_err());
        let index = open(&OBJECT).unwrap();
        prop_assert!(index.blocks().all(|block| block.decode(&bytes).is_err()));
        let beginning = Beginning::read(&OBJECT, OBJECT.len() as u64).unwrap();
        prop_assert!(beginning.open(&bytes).is_err());
    }

    /// An index whose hash is right, of any JSON: it is refused, or all of its blocks are in the object.
    #[test]
    fn no_index_leads_outside(
        blocks in prop::collection::vec(("[a-c]{1,3}", any::<u64>(), 0_u64..70_000, any::<bool>()), 0..5), extra in 0_u64..100,
    ) {
        let hash = "0".repeat(64);
        let blocks: Vec<_> = blocks.into_iter().map(|(first, any, near, far)| (first, if far { any } else { near }, &hash)).collect();
        let index = serde_json::json!({ "cells": {}, "blocks": blocks }).to_string();
        let sum = blocks.iter().fold(0_u64, |sum, (_, length, _)| sum.wrapping_add(*length));
        let header = Header {
            blocks: blocks.len() as u64,
            cells: 0,
            index_bytes: index.len() as u64,
            sha256: crate::hex::sha256(&index),
            ..encoded(0).header().clone()
        };
        let line = serde_json::to_vec(&header).unwrap();
        let size = (line.len() as u64 + 1 + header.index_bytes).wrapping_add(sum).wrapping_add(extra);
        if let Ok(index) = Beginning::read(&line, size).and_then(|beginning| beginning.open(index.as_bytes())) {
            let mut end = line.len() as u64 + 1 + header.index_bytes;
            for block in index.blocks() {
                let place = block.place();
                prop_assert!(place.start == end && place.end > end && place.end <= size);
                end = place.end;
            }
            prop_assert_eq!((end, extra), (size, 0));
        }
    }
}
