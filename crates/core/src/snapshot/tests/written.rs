//! The writer's bytes, and their way back.

use super::*;
use crate::limits::{SNAPSHOT_BLOCK, SNAPSHOT_FIRST_READ};

#[test]
fn what_was_written_is_read_and_equal_snapshots_are_equal_bytes() {
    let object = bytes(1_000);
    let (index, routes) = read(&object).unwrap();
    assert_eq!(routes, (0..1_000).map(route).collect::<Vec<_>>());
    assert_eq!((index.cells(), index.header()), (&cells(), encoded(1_000).header()));
    assert_eq!(encoded(1_000).size(), object.len() as u64);
    assert_eq!(encoded(1_000).sha256(), crate::hex::sha256(&object));

    let mut other = Draft::new(TAKEN_AT);
    (0..1_000).for_each(|at| other.insert(&route(at)).unwrap());
    let other = other.encode(&cells()).unwrap();
    assert_eq!(
        other.pieces().collect::<Vec<_>>().concat(),
        object,
        "the order in which the map was read is all the same"
    );

    let text = String::from_utf8(object).unwrap();
    let first =
        r#"{"format":"cellstack-snapshot/2","taken_at":1767225600000,"tenants":1000,"cells":7,"epoch":40,"blocks":1,"#;
    assert!(text.starts_with(first), "{}", &text[..200]);
    assert_eq!(text.lines().nth(12), Some(r#"["tenant-00010","cell-3",11,"moving","spare"]"#));
    let down = &index.cells()[&cell("cell-3")];
    assert_eq!((down.down_at, down.retry_after), (Some(1_700_000_000_000), Some(300)));
}

#[test]
fn a_tenant_is_found_in_its_block_and_nowhere_else() {
    let object = bytes(5_000);
    let index = open(&object).unwrap();
    let blocks: Vec<_> = index.blocks().map(|block| block.place()).collect();
    assert!(blocks.len() > 3, "{blocks:?}");
    assert!(blocks.iter().all(|place| place.end - place.start <= SNAPSHOT_BLOCK as u64), "{blocks:?}");
    assert!(blocks.windows(2).all(|pair| pair[0].end == pair[1].start), "{blocks:?}");

    for at in 0..5_000 {
        let place = index.block_of(&route(at).tenant_id).unwrap().place();
        let line = format!("[\"tenant-{at:05}\",");
        let text = std::str::from_utf8(&object[place.start as usize..place.end as usize]).unwrap();
        assert!(text.contains(&line), "{line} at {place:?}");
    }
    assert!(index.block_of(&tenant("a")).is_none(), "before the first");
    let block = index.block_of(&tenant("z")).unwrap();
    let place = block.place();
    let block = block.decode(&object[place.start as usize..place.end as usize]).unwrap();
    assert_eq!((block.tenant(&tenant("z")), block.tenant(&tenant("tenant-04999"))), (None, Some(&route(4_999))));
    // The tenants of a cell share one copy of its name.
    let found = block.tenant(&tenant("tenant-04999")).unwrap();
    let (known, _) = index.cells().get_key_value(&found.cell_id).unwrap();
    assert!(std::ptr::eq(known.as_str(), found.cell_id.as_str()));
}

#[test]
fn an_empty_map_is_a_snapshot_too() {
    let object = Draft::new(1).encode(&BTreeMap::new()).unwrap().pieces().collect::<Vec<_>>().concat();
    let (index, routes) = read(&object).unwrap();
    assert_eq!((routes.len(), index.blocks().count(), index.header().epoch), (0, 0, Epoch(0)));
    assert!(index.block_of(&tenant("acme")).is_none());
}

#[test]
fn a_tenant_is_in_it_once() {
    let mut draft = Draft::new(1);
    for at in [3, 1, 2, 1] {
        draft.insert(&route(at)).unwrap();
    }
    let error = draft.encode(&cells()).unwrap_err().to_string();
    let expected = "expected tenants in ascending order, each once; found tenant-00001 behind tenant-00001";
    assert_eq!(error, expected);
}

#[test]
fn the_longest_ids_fit_into_a_line() {
    let mut draft = Draft::new(1);
    let longest = TenantRoute {
        tenant_id: tenant(&"t".repeat(128)),
        cell_id: cell(&"c".repeat(20)),
        epoch: Epoch(u64::MAX),
        state: RouteState::Removed,
        standby_cell_id: Some(cell(&"s".repeat(20))),
    };
    draft.insert(&longest).unwrap();
    let object = draft.encode(&BTreeMap::new()).unwrap().pieces().collect::<Vec<_>>().concat();
    assert_eq!(read(&object).unwrap().1, [longest]);
}

#[test]
fn twenty_thousand_tenants_take_less_than_a_megabyte_and_a_half_and_open_with_one_read() {
    let encoded = encoded(20_000);
    assert!(encoded.size() < 1_500_000, "{}", encoded.size());
    assert!(encoded.piece(0).unwrap().len() < SNAPSHOT_FIRST_READ / 50, "the index of a fiftieth of a million tenants");
}
