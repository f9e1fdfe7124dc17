//! Encoding, and the refusal of bytes that no writer wrote.

use proptest::prelude::*;

use super::*;
use crate::RouteState;
use crate::registry::CellStatus;

fn cell(id: &str) -> CellId {
    id.parse().unwrap()
}

pub(super) fn snapshot(tenants: u64) -> Snapshot {
    let route = |at: u64| {
        let tenant_id: TenantId = format!("tenant-{at:05}").parse().unwrap();
        let state = [RouteState::Active, RouteState::Moving, RouteState::Fenced][(at % 3) as usize];
        let standby_cell_id = at.is_multiple_of(5).then(|| cell("spare"));
        let route = TenantRoute {
            tenant_id: tenant_id.clone(),
            cell_id: cell(&format!("cell-{}", at % 7)),
            epoch: Epoch(at % 40 + 1),
            state,
            standby_cell_id,
        };
        (tenant_id, route)
    };
    let record = |at: u64| {
        let table = format!("arn:aws:dynamodb:eu-central-1:123456789012:table/cellstack-cell-{at}");
        let status = if at == 3 { CellStatus::Down } else { CellStatus::Active };
        let (down_at, retry_after) = (at == 3).then_some((1_700_000_000_000, 300)).unzip();
        (cell(&format!("cell-{at}")), CellRecord { table, status, down_at, retry_after })
    };
    Snapshot {
        taken_at_ms: 1_767_225_600_000,
        tenants: (0..tenants).map(route).collect(),
        cells: (0..7).map(record).collect(),
    }
}

/// Returns the bytes of a snapshot with changed content and the new content's hash in the first line.
fn forged(change: impl FnOnce(String) -> String) -> Vec<u8> {
    let text = String::from_utf8(snapshot(10).encode()).unwrap();
    let (first, content) = text.split_once('\n').unwrap();
    let (mut header, content): (Header, String) = (serde_json::from_str(first).unwrap(), change(content.to_owned()));
    header.sha256 = crate::hex::sha256(&content);
    format!("{}\n{content}", serde_json::to_string(&header).unwrap()).into_bytes()
}

#[test]
fn what_was_encoded_is_decoded_and_equal_snapshots_are_equal_bytes() {
    let taken = snapshot(1_000);
    let bytes = taken.encode();
    let read = Snapshot::decode(&bytes).unwrap();
    assert_eq!(read, taken);
    assert_eq!(read.encode(), bytes);
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(serde_json::from_slice::<Header>(first).unwrap(), taken.header());
    assert!(first.starts_with(
        br#"{"format":"cellstack-snapshot/1","taken_at":1767225600000,"tenants":1000,"cells":7,"epoch":40,"#
    ));

    let acme: TenantId = "tenant-00010".parse().unwrap();
    let route = read.tenant(&acme).unwrap();
    assert_eq!((route.tenant_id.as_str(), route.epoch, route.state), ("tenant-00010", Epoch(11), RouteState::Moving));
    assert_eq!(route.standby_cell_id, Some(cell("spare")));
    let down = read.cell(&cell("cell-3")).unwrap();
    assert_eq!((down.down_at, down.retry_after), (Some(1_700_000_000_000), Some(300)));
    assert_eq!((read.tenant(&"nobody".parse().unwrap()), read.cell(&cell("nowhere"))), (None, None));
    // The tenants of a cell share one copy of its name.
    let (known, _) = read.cells.get_key_value(&route.cell_id).unwrap();
    assert!(std::ptr::eq(known.as_str(), route.cell_id.as_str()));
}

#[test]
fn an_empty_map_is_a_snapshot_too() {
    let empty = Snapshot { taken_at_ms: 1, ..Snapshot::default() };
    assert_eq!(Snapshot::decode(&empty.encode()).unwrap(), empty);
    assert_eq!(empty.epoch(), Epoch(0));
}

#[test]
fn twenty_thousand_tenants_take_less_than_a_megabyte_and_a_half() {
    let size = snapshot(20_000).encode().len();
    assert!(size < 1_500_000, "{size}");
}

#[test]
fn what_is_something_else_is_refused_with_what_was_expected() {
    for (bytes, found) in [
        (&b""[..], "found '' ("),
        (b"<?xml version=\"1.0\"?>\n<Error/>", "found '<?xml version="),
        (b"{\"a\":1}\n", "missing field `format`"),
        (b"{\"format\":\"cellstack-snapshot/2\"}\n", "found the format 'cellstack-snapshot/2'"),
        (b"{\"format\":\"cellstack-snapshot/1\"}\n", "missing field `taken_at`"),
        (b"\xff\xfe\n", "found '"),
    ] {
        let error = Snapshot::decode(bytes).unwrap_err();
        assert!(matches!(error, InvalidSnapshot::Foreign(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("expected a first line {\"format\":\"cellstack-snapshot/1\",…}; "), "{text}");
        assert!(text.contains(found), "{text}");
    }
    assert!(matches!(Snapshot::decode(&vec![b' '; crate::limits::SNAPSHOT_MAX + 1]), Err(InvalidSnapshot::TooLarge)));
}

#[test]
fn a_right_hash_over_wrong_content_is_refused() {
    let refused = |change: fn(String) -> String| Snapshot::decode(&forged(change)).unwrap_err().to_string();
    assert!(Snapshot::decode(&forged(|content| content)).is_ok());
    let fewer = refused(|content| content.replace(r#""tenant-00001":["cell-1",2,"moving",null],"#, ""));
    assert_eq!(fewer, "expected tenants 10, as the first line says; the content has 9");
    let newer = refused(|content| content.replace(r#"["cell-2",10,"#, r#"["cell-2",11,"#));
    assert_eq!(newer, "expected a largest epoch of 10, as the first line says; the content has 11");
    let cells = refused(|content| content.replace("\"cell-6\":{", "\"cell-5\":{"));
    assert_eq!(cells, "expected cells 7, as the first line says; the content has 6");
    for change in [
        |content: String| content.replace("tenant-00001", "tenant 00001"),
        |content: String| content.replace("[\"cell-1\"", "[\"Cell-1\""),
        |content: String| content.replace("\"spare\"", "\"\""),
        |content: String| content.replace("\"cell-6\":{", "\"6\":{"),
        |content: String| content.replace("moving", "sideways"),
        |_| String::new(),
    ] {
        let error = refused(change);
        assert!(error.starts_with("the content can't be read: "), "{error}");
    }
}

proptest! {
    #[test]
    fn one_byte_changed_or_the_end_cut_off_and_it_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>(), cut: bool) {
        let taken = snapshot(20);
        let mut bytes = taken.encode();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
        }
        // The first line may vary in spelling and time only.
        if let Ok(read) = Snapshot::decode(&bytes) {
            prop_assert_eq!(Snapshot { taken_at_ms: taken.taken_at_ms, ..read }, taken);
            prop_assert!(!cut);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Snapshot::decode(&bytes).is_err());
    }
}
