//! The event in `events/` does what its `x-expect` says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::{Fleet, TIME};

#[tokio::test(start_paused = true)]
async fn the_schedules_event_is_a_round() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/prober/scheduled.json");
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let fleet = Fleet::of(&["alpha", "beta", "gamma"]).await;
    let round = serde_json::to_value(fleet.prober(None).handle(TIME).await.unwrap()).unwrap();
    let probes = round["probes"].as_array().unwrap().iter();
    let stages: BTreeMap<_, _> = probes.map(|probe| (probe["cell"].as_str().unwrap(), &probe["stage"])).collect();
    assert_eq!(serde_json::to_value(stages).unwrap(), event["x-expect"]["stages"], "{round}");
}
