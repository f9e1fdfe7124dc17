//! Decisions on stream records.

use aws_lambda_events::event::dynamodb::EventRecord as StreamRecord;
use cellstack_core::placement_request::{PlacementRequest, RequestState};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of a Lambda invocation, its records not yet parsed. A record that can't be read must not stop its neighbours.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, in order.
    #[serde(rename = "Records")]
    pub records: Vec<Box<RawValue>>,
}

/// A decision on a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The record is a request for placement. The sequence number names it in a partial batch response.
    Settle { request: PlacementRequest, sequence: Option<String> },
    /// The record is another write on the stream: a refusal, a deletion.
    Ignore,
    /// The record should be a request and can't be read as one.
    Undecodable(String),
}

/// Decides on a record. The mapping's filter lets only pending requests through. A mapping without it, or with a wrong one,
/// must not settle a request twice, so the same check is made here.
pub(crate) fn decide(record: &RawValue) -> Decision {
    let record: StreamRecord = match serde_json::from_str(record.get()) {
        Ok(record) => record,
        Err(error) => return Decision::Undecodable(format!("not a stream record: {error}")),
    };
    let (image, sequence) = (record.change.new_image, record.change.sequence_number);
    if image.clone().into_inner().is_empty() {
        return Decision::Ignore;
    }
    match serde_dynamo::from_item::<_, PlacementRequest>(image) {
        Ok(request) if request.state == RequestState::Pending => Decision::Settle { request, sequence },
        Ok(_) => Decision::Ignore,
        Err(error) => Decision::Undecodable(format!("not a request for placement: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record() -> Value {
        json!({
            "eventID": "1", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/cellstack-placement-requests/stream/1",
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": "100", "SizeBytes": 1,
                "StreamViewType": "NEW_IMAGE",
                "Keys": { "tenant_id": { "S": "acme" } },
                "NewImage": {
                    "tenant_id": { "S": "acme" }, "state": { "S": "pending" }, "request_id": { "S": "r-1" },
                    "requested_at": { "N": "1" }, "expires_at": { "N": "300" },
                },
            },
        })
    }

    fn decided(record: &Value) -> Decision {
        decide(&serde_json::value::to_raw_value(record).unwrap())
    }

    #[test]
    fn a_pending_request_is_settled_and_nothing_else_is() {
        let Decision::Settle { request, sequence } = decided(&record()) else { panic!("{:?}", decided(&record())) };
        assert_eq!((request.tenant_id.as_str(), request.request_id.as_str()), ("acme", "r-1"));
        assert_eq!(sequence.as_deref(), Some("100"));

        // A request that is made anew over an expired one.
        let mut again = record();
        again["eventName"] = json!("MODIFY");
        assert!(matches!(decided(&again), Decision::Settle { .. }));

        for state in ["no-capacity", "refused"] {
            let mut refused = record();
            refused["dynamodb"]["NewImage"]["state"]["S"] = json!(state);
            assert_eq!(decided(&refused), Decision::Ignore, "{state}");
        }
        let mut gone = record();
        gone["eventName"] = json!("REMOVE");
        gone["dynamodb"].as_object_mut().unwrap().remove("NewImage");
        assert_eq!(decided(&gone), Decision::Ignore);
    }

    #[test]
    fn a_record_that_cannot_be_read_says_why() {
        let mut broken = record();
        broken["dynamodb"]["NewImage"]["tenant_id"]["S"] = json!("a#b");
        let Decision::Undecodable(reason) = decided(&broken) else { panic!("{:?}", decided(&broken)) };
        assert!(reason.contains("a tenant id must be"), "{reason}");
        let Decision::Undecodable(reason) = decided(&json!(7)) else { panic!("it was decoded") };
        assert!(reason.starts_with("not a stream record"), "{reason}");
    }
}
