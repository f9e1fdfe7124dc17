//! Faults that a served stack begins with: for the suites that hold its responses against the API's document.

use cellstack_emulator::{Fault, FaultKind};

/// Reads `KIND:TABLE`: every call to this table fails so.
pub(super) fn parse(text: &str) -> Result<Fault, String> {
    let expected = "expected hot-partition:TABLE or server-error:TABLE";
    let (kind, table) = text.split_once(':').filter(|(_, table)| !table.is_empty()).ok_or(expected)?;
    let kind = match kind {
        "hot-partition" => FaultKind::Error {
            status: 400,
            code: "ThrottlingException".to_owned(),
            message: "Throughput exceeds the limit: TableReadKeyRangeThroughputExceeded".to_owned(),
        },
        "server-error" => FaultKind::ServerError,
        _ => return Err(expected.to_owned()),
    };
    Ok(Fault::any("DynamoDB", kind).on(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_kind_and_a_table() {
        let expected = Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-registry");
        assert_eq!(parse("server-error:cellstack-registry"), Ok(expected));
        assert!(parse("hot-partition:cellstack-cell-alpha").is_ok());
        for wrong in ["", "server-error", "server-error:", "slow:cellstack-registry"] {
            assert!(parse(wrong).unwrap_err().contains("hot-partition:TABLE"), "{wrong}");
        }
    }
}
