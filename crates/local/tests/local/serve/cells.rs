//! Cells that come and go while a stack is served, with cellctl's own commands in between.

use std::io::Write;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cellstack_cellctl::{Cli, Completion, Console, Deployment};
use cellstack_core::SystemClock;
use clap::Parser as _;

use super::data::{Scratch, post, status};
use super::world::{Served, request, soon};

const EVENT: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;

/// A writer whose text is read later.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn deployment(served: &Served) -> Deployment {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", served.endpoint))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    Deployment::new("cellstack", dynamodb, sqs, Arc::new(SystemClock::new()))
}

/// Runs cellctl against a served stack, to a complete end.
fn cellctl(served: &Served, command: &str) {
    let said = Text::default();
    let mut console = Console::new(said.clone(), said.clone());
    let words = ["cellctl"].into_iter().chain(command.split(' '));
    let cli = Cli::try_parse_from(words).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let completion = runtime.block_on(async { cli.run(&deployment(served), &mut console).await });
    let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
    assert_eq!(completion.unwrap_or_else(|error| panic!("{command}: {error:#}\n{said}")), Completion::Done, "{said}");
}

/// Adds cell delta, takes it into service, and places umbrella in it.
fn with_delta(served: &Served) {
    let added = served.cell(&["add", "delta"]).unwrap();
    assert_eq!(added, "cell delta added, capacity 1000, weight 100. Next: cellctl cells bootstrap delta\n");
    cellctl(served, "cells bootstrap delta --operator ann");
    cellctl(served, "tenants place umbrella --cell delta --reason new --operator ann");
}

/// Removes the tenant of delta, and retires delta.
fn retire_delta(served: &Served) {
    cellctl(served, "tenants unplace umbrella --reason gone --operator ann");
    cellctl(served, "cells retire delta --reason gone --operator ann");
}

fn processed(served: &Served, tenant: &str) {
    let event = post(served, tenant, EVENT);
    soon("it is processed", || (status(served, tenant, &event) == "processed").then_some(()));
}

/// Returns the names that a listing of the endpoint has.
fn names(served: &Served, target: &str, list: &str) -> Vec<String> {
    let headers =
        format!("x-amz-target: {target}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n");
    let (code, body) = request(served.endpoint, "POST /", &headers, "{}");
    assert_eq!(code, 200, "{body}");
    let response: serde_json::Value = serde_json::from_str(&body).unwrap();
    let names = response[list].as_array().cloned().unwrap_or_default();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Returns the tables and queues of a cell.
fn resources(served: &Served, cell: &str) -> Vec<String> {
    let mut found = names(served, "DynamoDB_20120810.ListTables", "TableNames");
    found.extend(names(served, "AmazonSQS.ListQueues", "QueueUrls"));
    found.retain(|name| name.contains(&format!("cellstack-cell-{cell}")));
    found
}

#[test]
fn a_cell_lives_from_its_first_to_its_last_day() {
    let served = Served::start(&["--cells", "alpha,beta"]);
    with_delta(&served);
    served.line(&["cell ", "delta   added"]);
    assert_eq!(resources(&served, "delta").len(), 5);
    processed(&served, "umbrella");
    served.line(&["accepted", "umbrella", "delta"]);
    served.line(&["processed", "umbrella", "delta"]);

    served.fault(&["add", "down", "--cell", "delta"]).unwrap();
    assert_eq!(served.post("umbrella", EVENT).0, 503);
    assert_eq!(served.post("acme", EVENT).0, 202);
    served.fault(&["clear", "--all"]).unwrap();
    soon("delta is back", || (served.post("umbrella", EVENT).0 == 202).then_some(()));
    served.line(&["processed", "umbrella", "delta"]);

    let early = served.cell(&["rm", "delta"]).unwrap_err();
    let expected = "cell delta is active; expected retired. Next: cellctl cells retire delta --reason REASON";
    assert_eq!(early, format!("error: {expected}\n"));
    processed(&served, "umbrella");
    soon("the queue is empty", || served.get("umbrella", "/v1/totals").1.contains(r#""count":3"#).then_some(()));
    retire_delta(&served);
    let listed = served.cell(&["ls"]).unwrap();
    let row: Vec<_> = listed.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["delta", "retired", "1000", "100"], "{listed}");
    // A fault would be in the way of the removal, and outlive the cell.
    served.fault(&["add", "down", "--cell", "delta"]).unwrap();
    assert_eq!(served.cell(&["rm", "delta"]).unwrap(), "cell delta removed\n");
    served.line(&["cell ", "delta   removed"]);

    assert_eq!(served.fault(&["ls"]).unwrap(), "no faults\n");
    assert_eq!(resources(&served, "delta"), Vec::<String>::new());
    assert!(!served.cell(&["ls"]).unwrap().contains("delta"));
    assert!(served.cell(&["rm", "delta"]).unwrap_err().contains("there is no cell delta; expected one of alpha, beta"));
    let again = served.cell(&["add", "delta"]).unwrap_err();
    assert!(again.contains("cell delta was retired and removed; expected an id that no cell has had"), "{again}");
    // The registry knows a mark of it, and no stray.
    cellctl(&served, "cells ls");
    processed(&served, "acme");
}

#[test]
fn a_directory_keeps_the_cells_that_came_and_not_those_that_went() {
    let scratch = Scratch::new("cells");
    let mut served = scratch.serve();
    with_delta(&served);
    served.cell(&["add", "epsilon", "--capacity", "50", "--weight", "10"]).unwrap();
    let before = post(&served, "umbrella", EVENT);
    served.signal("-KILL");
    served.ended();

    let mut served = scratch.serve();
    soon("it is processed", || (status(&served, "umbrella", &before) == "processed").then_some(()));
    processed(&served, "umbrella");
    let listed = served.cell(&["ls"]).unwrap();
    let rows: Vec<Vec<_>> = listed.lines().skip(3).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows, [["delta", "active", "1000", "100"], ["epsilon", "new", "50", "10"]], "{listed}");
    retire_delta(&served);
    served.cell(&["rm", "delta"]).unwrap();
    served.signal("-TERM");
    served.ended();

    let served = scratch.serve();
    let listed = served.cell(&["ls"]).unwrap();
    assert!(listed.contains("epsilon") && !listed.contains("delta"), "{listed}");
    assert_eq!(resources(&served, "delta"), Vec::<String>::new());
    cellctl(&served, "cells bootstrap epsilon --operator ann");
}

#[test]
fn a_change_that_cannot_be_made_is_refused_with_what_to_do() {
    let served = Served::start(&["--cells", "alpha"]);
    let refused = |arguments: &[&str]| served.cell(arguments).unwrap_err();
    assert!(refused(&["add", "alpha"]).contains("there is a cell alpha already; cellstack-local cell ls"));
    assert!(refused(&["rm", "omega"]).contains("there is no cell omega; expected one of alpha"));
    served.cell(&["add", "beta"]).unwrap();
    let new = refused(&["rm", "beta"]);
    assert!(new.contains("cell beta is not bootstrapped; expected retired. Next: cellctl cells bootstrap"), "{new}");
    for cell in 3..=64 {
        served.cell(&["add", &format!("c{cell}")]).unwrap();
    }
    let full = refused(&["add", "one-more"]);
    assert!(full.contains("the stack has 64 cells, the most there can be"), "{full}");
    // A page in a browser names its origin.
    let order = r#"{"cell":"gamma"}"#;
    let headers = format!("content-length: {}\r\norigin: http://example.com\r\n", order.len());
    assert_eq!(request(served.endpoint, "POST /_cellstack/cells", &headers, order).0, 403);
}
