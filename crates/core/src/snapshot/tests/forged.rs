//! Objects with right hashes that no writer wrote, and objects of another kind.

use super::*;
use crate::hex::sha256;
use crate::limits::{SNAPSHOT_BLOCK, SNAPSHOT_INDEX_MAX};

/// The parts of a snapshot as text. Its index and its header are made again from them.
struct Parts {
    header: Header,
    cells: serde_json::Value,
    /// First tenant and lines of each block.
    blocks: Vec<(String, String)>,
}

impl Parts {
    /// Returns the parts of a snapshot of three blocks of ten tenants each.
    fn new() -> Self {
        let header = encoded(30).header().clone();
        let lines: Vec<String> =
            String::from_utf8(bytes(30)).unwrap().lines().skip(2).map(|line| format!("{line}\n")).collect();
        let blocks = lines.chunks(10).enumerate();
        let blocks = blocks.map(|(at, lines)| (format!("tenant-{:05}", at * 10), lines.concat())).collect();
        Self { header: Header { blocks: 3, ..header }, cells: serde_json::to_value(cells()).unwrap(), blocks }
    }

    /// Returns the object, whose index has the lengths of the blocks unless it is given others.
    fn object(self, lengths: Option<[u64; 3]>) -> Vec<u8> {
        let Self { mut header, cells, blocks } = self;
        let length = |at: usize, lines: &str| lengths.map_or(lines.len() as u64, |lengths| lengths[at]);
        let entries = blocks.iter().enumerate().map(|(at, (first, lines))| (first, length(at, lines), sha256(lines)));
        let index = serde_json::json!({ "cells": cells, "blocks": entries.collect::<Vec<_>>() }).to_string() + "\n";
        (header.index_bytes, header.sha256) = (index.len() as u64, sha256(&index));
        let blocks: String = blocks.into_iter().map(|(_, lines)| lines).collect();
        (serde_json::to_string(&header).unwrap() + "\n" + &index + &blocks).into_bytes()
    }
}

fn refused(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = Parts::new();
    change(&mut parts);
    read(&parts.object(None)).unwrap_err().to_string()
}

#[test]
fn what_is_something_else_is_refused_with_what_was_expected() {
    for (bytes, found) in [
        (&b""[..], "found '' ("),
        (b"<?xml version=\"1.0\"?>\n<Error/>", "found '<?xml version="),
        (b"{\"a\":1}\n", "missing field `format`"),
        (b"{\"format\":\"cellstack-snapshot/1\",\"taken_at\":1}\n{}", "found the format 'cellstack-snapshot/1'"),
        (b"{\"format\":\"cellstack-snapshot/3\"}\n", "found the format 'cellstack-snapshot/3'"),
        (b"{\"format\":\"cellstack-snapshot/2\"}\n", "missing field `taken_at`"),
        (b"\xff\xfe\n", "found '"),
        (&[b' '; 5_000], "found '  "),
    ] {
        let error = open(bytes).unwrap_err();
        assert!(matches!(error, InvalidSnapshot::Foreign(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("expected a first line {\"format\":\"cellstack-snapshot/2\",…}; "), "{text}");
        assert!(text.contains(found) && text.len() < 300, "{text}");
    }
}

#[test]
fn a_first_line_that_ends_late_is_not_searched_for() {
    let text = String::from_utf8(bytes(1)).unwrap();
    let long = text.replacen("\"taken_at\"", &format!("{}\"taken_at\"", " ".repeat(1_000)), 1);
    assert!(matches!(open(long.as_bytes()), Err(InvalidSnapshot::Foreign(_))));
}

#[test]
fn the_forger_writes_what_the_writer_writes() {
    let (index, routes) = read(&Parts::new().object(None)).unwrap();
    assert_eq!((index.blocks().count(), routes), (3, (0..30).map(route).collect()));
}

#[test]
fn a_first_line_and_an_index_that_differ_are_refused() {
    let cells = refused(|parts| drop(parts.cells.as_object_mut().unwrap().remove("cell-6")));
    assert_eq!(cells, "expected cells 7, as the first line says; the content has 6");
    let blocks = refused(|parts| parts.header.blocks = 4);
    assert_eq!(blocks, "expected blocks 4, as the first line says; the content has 3");
    for (id, record) in
        [("6", "{}"), ("cell-6", "{\"status\":\"active\"}"), ("cell-6", "{\"table\":\"t\",\"status\":\"odd\"}")]
    {
        let error = refused(|parts| parts.cells[id] = serde_json::from_str(record).unwrap());
        assert!(error.starts_with("the content can't be read: "), "{error}");
    }
    let text = String::from_utf8(bytes(1)).unwrap();
    let start = text.find("index_bytes\":").unwrap() + 13;
    let digits = text[start..].find(',').unwrap();
    for (length, expected) in
        [("8388609", "an index of 8388608 bytes at most; found 8388609"), ("999999", "bytes, as its index")]
    {
        let object = [&text[..start], length, &text[start + digits..]].concat();
        let error = open(object.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(SNAPSHOT_INDEX_MAX, 8_388_608);
    let object = [&text[..start], "18446744073709551615", &text[start + digits..]].concat();
    assert!(matches!(open(object.as_bytes()), Err(InvalidSnapshot::TooLarge { .. })));
}

#[test]
fn lengths_that_lead_elsewhere_are_refused() {
    let true_ones = Parts::new().blocks.iter().map(|(_, lines)| lines.len() as u64).collect::<Vec<_>>();
    let [first, second, third] = true_ones[..] else { panic!("{true_ones:?}") };
    let refused = |lengths| read(&Parts::new().object(Some(lengths))).unwrap_err();
    assert!(matches!(refused([first, second, third + 1]), InvalidSnapshot::Size { .. }));
    assert!(matches!(refused([first, second, third - 1]), InvalidSnapshot::Size { .. }));
    assert!(matches!(refused([first + 1, second - 1, third]), InvalidSnapshot::Hash { .. }));
    assert!(matches!(refused([0, first + second, third]), InvalidSnapshot::Content(_)));
    let limit = SNAPSHOT_BLOCK as u64;
    for length in [limit + 1, u64::MAX, u64::MAX - 9] {
        let expected = InvalidSnapshot::TooLarge { part: "a block", limit, found: length };
        assert_eq!(refused([first, length, third]), expected);
    }
    let mut negative = String::from_utf8(Parts::new().object(None)).unwrap();
    negative = negative.replacen(&format!("\"tenant-00010\",{second}"), "\"tenant-00010\",-1", 1);
    assert!(read(negative.as_bytes()).is_err());
}

#[test]
fn first_tenants_out_of_order_are_refused() {
    for (first, after) in [("tenant-00030", "tenant-00020"), ("tenant-00020", "tenant-00020")] {
        let error = refused(|parts| parts.blocks[1].0 = first.to_owned());
        let expected = format!("expected tenants in ascending order, each once; found {after} behind {first}");
        assert_eq!(error, expected);
    }
    let error = refused(|parts| parts.blocks[1].0 = "tenant 10".to_owned());
    assert!(error.starts_with("the content can't be read: a tenant id must be"), "{error}");
}

#[test]
fn a_tenant_in_the_wrong_block_is_refused() {
    let begins = refused(|parts| parts.blocks[1].0 = "tenant-00009".to_owned());
    assert!(begins.ends_with("tenant-00009 behind tenant-00009"), "{begins}");
    let begins = refused(|parts| parts.blocks[1].0 = "tenant-00011".to_owned());
    assert_eq!(begins, "the content can't be read: the block of tenant-00011 begins with tenant-00010");
    let swapped = refused(|parts| {
        let lines = parts.blocks[1].1.clone();
        parts.blocks[1].1 = parts.blocks[2].1.clone();
        parts.blocks[2].1 = lines;
    });
    assert_eq!(swapped, "the content can't be read: the block of tenant-00010 begins with tenant-00020");
    let moved = refused(|parts| {
        let line = parts.blocks[2].1.lines().next().unwrap().to_owned() + "\n";
        parts.blocks[1].1.push_str(&line);
    });
    assert!(moved.ends_with("found tenant-00020 behind tenant-00020"), "{moved}");
    let unsorted = refused(|parts| {
        let mut lines: Vec<_> = parts.blocks[1].1.lines().collect();
        lines.swap(4, 5);
        parts.blocks[1].1 = lines.join("\n");
    });
    assert!(unsorted.ends_with("found tenant-00014 behind tenant-00015"), "{unsorted}");
    let empty = refused(|parts| parts.blocks[1].1 = "\n".to_owned());
    assert_eq!(empty, "the content can't be read: the block of tenant-00010 has no tenant");
}

#[test]
fn a_right_hash_over_wrong_lines_is_refused() {
    for (from, to) in [
        ("tenant-00001", "tenant 00001"),
        ("\"cell-1\"", "\"Cell-1\""),
        ("\"spare\"", "\"\""),
        ("moving", "sideways"),
        ("null", "7"),
        ("]\n", "]]\n"),
        ("]\n", "\n"),
        (",2,", ",-2,"),
    ] {
        let error = refused(|parts| parts.blocks[0].1 = parts.blocks[0].1.replace(from, to));
        assert!(error.starts_with("the content can't be read: "), "{from} to {to}: {error}");
    }
}
