//! The sample events through a served stack, each with the completion that its `x-expect` names.

use std::path::PathBuf;
use std::time::Duration;

use cellstack_embedded::serve::Served;
use cellstack_embedded::{Pipeline, Stack};
use cellstack_local::demo::{Journey, Row, Sample, Watcher, run};
use cellstack_orders::{Orders, Sandbox};

struct Silent;

impl Watcher for Silent {
    fn responded(&mut self, _: &Row) {}
    fn moved(&mut self, _: &Row, _: &Journey) {}
}

#[tokio::test]
async fn sample_events_end_where_they_must_and_letters_say_why() {
    let orders = Orders::new(Sandbox::default());
    let mut builder = Stack::builder().pipeline(Pipeline::IMPATIENT);
    for (tenant, cell) in [("acme", "alpha"), ("globex", "beta")] {
        builder = builder.cell(cell.parse().unwrap()).tenant(tenant.parse().unwrap(), cell.parse().unwrap());
    }
    let stack = builder.build_with(|| orders.clone()).await.unwrap();
    let served = Served::start(stack, 0, 0).await.unwrap();
    let samples = Sample::read_all(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events")).unwrap();
    let report = run(&served, &samples, Duration::ZERO, &mut Silent).await.unwrap();
    served.stop().await.unwrap();

    assert_eq!(report.mismatches, Vec::<String>::new());
    let mut dead_letters: Vec<_> = report.dead_letters.iter().map(|(_, letter)| letter.detail.as_str()).collect();
    dead_letters.sort_unstable();
    let expected = [
        "'units' of item 'stock#ink' is 1; expected 2 at least",
        "'units' of item 'stock#pen' is 0; expected 1 at least",
        "expected prices from 0 to 1000000 with 2 decimal places at most, found 1.255",
    ];
    assert_eq!(dead_letters, expected);
    let placed = report.rows.iter().find(|row| row.name == "03-place-order").unwrap();
    let authorised = orders.gateway().authorised(&"acme".parse().unwrap(), placed.response.event.unwrap());
    assert_eq!(authorised.len(), 1, "it was asked for twice, since the first response was lost: {authorised:?}");
}
