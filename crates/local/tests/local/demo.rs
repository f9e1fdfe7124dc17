//! The demo, and every event of the router in `events/`: each ends as its `x-expect` says.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::dead_letter::Reason;
use cellstack_embedded::serve::Served;
use cellstack_embedded::{Pipeline, Stack};
use cellstack_local::demo::{Journey, Row, Sample, Watcher, run};

fn directory(function: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

/// Builds three cells with a tenant each: acme in alpha, globex in beta, initech in gamma.
async fn stack() -> Result<Stack> {
    let mut builder = Stack::builder().pipeline(Pipeline::IMPATIENT);
    for (tenant, cell) in [("acme", "alpha"), ("globex", "beta"), ("initech", "gamma")] {
        builder = builder.cell(cell.parse()?).tenant(tenant.parse()?, cell.parse()?);
    }
    builder.build().await
}

#[tokio::test]
async fn router_samples_end_where_they_must_through_a_served_stack() {
    struct Silent;
    impl Watcher for Silent {
        fn responded(&mut self, _: &Row) {}
        fn moved(&mut self, _: &Row, _: &Journey) {}
    }
    let served = Served::start(stack().await.unwrap(), 0, 0).await.unwrap();
    let samples = Sample::read_all(&directory("router")).unwrap();
    let report = run(&served, &samples, Duration::ZERO, &mut Silent).await.unwrap();
    served.stop().await.unwrap();
    assert_eq!(report.mismatches, Vec::<String>::new());
    assert_eq!(report.rows.len(), samples.len());
    assert_eq!(report.dead_letters.len(), 1, "the poison event, in the dead-letter queue of its cell");
    let (queue, letter) = &report.dead_letters[0];
    assert_eq!((queue.as_str(), letter.reason), ("cellstack-cell-beta-events-dlq", Reason::Refused));
}

#[tokio::test(start_paused = true)]
async fn router_samples_are_invocation_events_that_the_router_takes() {
    let stack = stack().await.unwrap();
    for sample in Sample::read_all(&directory("router")).unwrap() {
        let response = stack.url().invoke(&sample.invocation).await;
        assert_eq!(response.status().as_u16(), sample.expect.status, "{}", sample.name);
    }
}
