//! Faults on demand, from another process.

use std::net::TcpListener;

use super::world::{Served, request, run, soon};

const EVENT: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;

#[test]
fn a_cell_goes_down_and_comes_back_and_its_neighbour_does_not_notice() {
    let served = Served::start(&["--cells", "alpha,beta"]);
    assert_eq!(served.post("acme", EVENT).0, 202);

    let added = served.fault(&["add", "down", "--cell", "alpha"]).unwrap();
    assert_eq!(added, "fault 1: alpha   down, until cellstack-local fault clear 1\n");
    served.line(&["fault ", "alpha   down  added"]);
    let (status, body) = served.post("acme", EVENT);
    assert_eq!(status, 503, "{body}");
    served.line(&["problem", "acme", "alpha", "503 POST /v1/events"]);
    assert_eq!(served.get("acme", "/v1/route").0, 200);
    assert_eq!(served.post("globex", EVENT).0, 202);
    served.line(&["processed", "globex", "beta"]);
    assert!(!served.lines().iter().any(|line| line.contains("problem") && line.contains("beta")));

    let listed = served.fault(&["ls"]).unwrap();
    let fault: Vec<_> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((fault[0], &fault[2..]), ("1", &["-", "alpha", "down"][..]), "{listed}");
    assert!(fault[1].parse::<u64>().unwrap() > 0, "{listed}");

    assert!(served.fault(&["clear", "1"]).unwrap().starts_with("cleared 1: alpha   down"));
    served.line(&["fault ", "alpha   down  cleared"]);
    soon("alpha is back", || (served.post("acme", EVENT).0 == 202).then_some(()));
    assert_eq!(served.fault(&["ls"]).unwrap(), "no faults\n");
}

#[test]
fn a_fault_ends_by_itself_and_hits_no_cell_of_a_longer_name() {
    let served = Served::start(&["--cells", "eu,eu-west"]);
    served.fault(&["add", "error", "--cell", "eu", "--for", "2s"]).unwrap();
    served.line(&["fault ", "eu      error  added", "for 2s"]);
    assert_eq!(served.post("globex", EVENT).0, 202);
    assert_eq!(served.post("acme", EVENT).0, 503);
    served.line(&["fault ", "eu      error  ended"]);
    soon("eu is back", || (served.post("acme", EVENT).0 == 202).then_some(()));
}

#[test]
fn a_consumer_that_fails_gets_its_events_again() {
    let served = Served::start(&["--cells", "alpha", "-v"]);
    served.fault(&["add", "consumer-error", "--cell", "alpha"]).unwrap();
    assert_eq!(served.post("acme", EVENT).0, 202);
    served.line(&["function", "cellstack-cell-alpha-consumer: ended with an error"]);
    served.line(&["delivered", "acme", "again, try 2"]);
    assert!(!served.lines().iter().any(|line| line.contains("processed") && line.contains("acme")));
    served.fault(&["clear", "--all"]).unwrap();
    served.line(&["processed", "acme", "alpha"]);
}

#[test]
fn what_cannot_be_had_is_refused_with_what_to_do() {
    let served = Served::start(&["--cells", "alpha"]);
    let refused = |arguments: &[&str]| served.fault(arguments).unwrap_err();
    assert_eq!(refused(&["add", "down", "--cell", "omega"]), "error: there is no cell omega; expected one of alpha\n");
    assert!(refused(&["add", "down", "--cell", "alpha", "--latency", "1s"]).contains("not for down"));
    assert!(refused(&["clear", "7"]).contains("there is no fault 7"));

    let elsewhere = |endpoint: &str| {
        let output = run(&["fault", "ls", "--endpoint", endpoint]);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nothing = elsewhere(&format!("http://{free}"));
    assert!(nothing.contains("no stack is served at") && nothing.contains("cellstack-local serve"), "{nothing}");
    let another = elsewhere(&format!("http://{}", served.url));
    assert!(another.contains("is not the AWS endpoint of a stack"), "{another}");
    assert!(elsewhere("http://192.0.2.1:4566").contains("is not on this machine"));
}

#[test]
fn a_page_in_a_browser_can_not_take_a_cell_down() {
    let served = Served::start(&["--cells", "alpha"]);
    let order = r#"{"kind":"down","cell":"alpha"}"#;
    let post = |headers: &str| {
        let headers = format!("content-length: {}\r\n{headers}", order.len());
        request(served.endpoint, "POST /_cellstack/faults", &headers, order)
    };
    assert_eq!(post("origin: http://example.com\r\n").0, 403);
    let rebound = "GET /_cellstack/faults HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n";
    assert!(super::world::raw(served.endpoint, rebound).starts_with("HTTP/1.1 403"));
    assert_eq!(served.fault(&["ls"]).unwrap(), "no faults\n");
    assert_eq!(post("").0, 201);
}
