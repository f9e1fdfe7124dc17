//! A bound on what it holds.

use super::world::{Served, request, soon};

/// An event of 32 kB: some fifty of them, with their stream records, are the least bound there is.
fn event(kind: &str, amount: &str) -> String {
    format!(r#"{{"type":"{kind}","data":{{"amount":{amount},"note":"{}"}}}}"#, "x".repeat(32_000))
}

fn id(body: &str) -> String {
    let response: serde_json::Value = serde_json::from_str(body).unwrap();
    response["id"].as_str().unwrap().to_owned()
}

fn memory(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn under_endless_load_the_oldest_processed_events_expire() {
    let served = Served::start(&["--cells", "alpha", "--max-data", "8M"]);
    served.line(&["It holds 8M at most (--max-data)"]);
    let order = event("order.placed", "1");
    let mut posted = Vec::new();
    // Well over twice the bound.
    let mut memories = Vec::new();
    while posted.len() < 600 {
        match served.post("acme", &order) {
            (202, body) => posted.push(id(&body)),
            // Faster than it processes.
            (status, body) => assert_eq!(status, 429, "{body}"),
        }
        if posted.len() % 100 == 0 {
            memories.push(memory(&served));
        }
    }
    let get = |id: &str| served.get("acme", &format!("/v1/events/{id}")).0;
    assert_eq!(get(&posted[0]), 404);
    let last = posted.last().unwrap();
    assert_eq!(get(last), 200);
    // Its effect stays.
    soon("all are counted", || served.get("acme", "/v1/totals").1.contains(r#""count":600"#).then_some(()));
    let (early, late) = (memories[0], *memories.last().unwrap());
    assert!(late < early + 64 * 1024, "{memories:?} KiB");
}

#[test]
fn what_may_not_expire_is_kept_and_more_is_refused() {
    let served = Served::start(&["--cells", "alpha", "--max-data", "8M"]);
    served.fault(&["add", "consumer-error", "--cell", "alpha"]).unwrap();
    let order = event("order.placed", "1");
    let mut posted = Vec::new();
    let body = loop {
        match served.post("acme", &order) {
            (202, body) => posted.push(id(&body)),
            (status, body) => {
                assert_eq!(status, 429, "{body}");
                break body;
            }
        }
        assert!(posted.len() < 1_000, "there is no end");
    };
    assert!(body.contains("urn:cellstack:problem:stack-full") && body.contains("--max-data"), "{body}");
    served.line(&["problem", "acme", "429 POST /v1/events", "stack-full"]);
    let send = format!(
        r#"{{"QueueUrl":"http://{}/000000000000/cellstack-cell-alpha-events-dlq","MessageBody":"x"}}"#,
        served.endpoint
    );
    let headers = format!("x-amz-target: AmazonSQS.SendMessage\r\ncontent-length: {}\r\n", send.len());
    let (status, refused) = request(served.endpoint, "POST /", &headers, &send);
    assert!(status == 403 && refused.contains("RequestThrottled"), "{status} {refused}");

    served.fault(&["clear", "--all"]).unwrap();
    // By their effects: some expire at once.
    let count = format!(r#""count":{}"#, posted.len());
    soon("all are processed", || served.get("acme", "/v1/totals").1.contains(&count).then_some(()));
    soon("there is room again", || (served.post("acme", &order).0 == 202).then_some(()));
}
