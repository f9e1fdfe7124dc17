//! The resolver against a map and a registry that respond by a script.

use std::time::Duration;

use cellstack_core::limits::{BREAKER_COOLDOWN_MAX, TENANT_CACHE, TENANT_LEASE};
use lambda_http::http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::auth::TenantSource;
use crate::http::problem::Problem;
use crate::scripted::{PausedClock, Reply, Script};

fn resolver(script: &Script) -> Resolver<PausedClock> {
    let settings = Settings::new("map".to_owned(), "registry".to_owned(), TenantSource::Header);
    let clock = RouterClock::new(PausedClock::new());
    Resolver::new(&script.config(), &settings, &clock, Metrics::new(None))
}

/// Returns an entry of the map.
fn entry(cell: &str, epoch: u64) -> Reply {
    Reply::Ok(json!({ "Item": {
        "tenant_id": { "S": "acme" }, "cell_id": { "S": cell }, "epoch": { "N": epoch.to_string() },
        "state": { "S": "active" },
    }}))
}

fn nothing() -> Reply {
    Reply::Ok(json!({}))
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// Returns cell, epoch and source, or the status of the problem.
fn said(resolved: Result<Resolved, LookupError>) -> Result<(String, u64, RouteSource), u16> {
    resolved
        .map(|Resolved { route, source }| (route.cell_id.to_string(), route.epoch.0, source))
        .map_err(|error| Problem::from(error).into_response("r").status().as_u16())
}

fn route(cell: &str, epoch: u64, source: RouteSource) -> Result<(String, u64, RouteSource), u16> {
    Ok((cell.to_owned(), epoch, source))
}

const UNAVAILABLE: u16 = StatusCode::SERVICE_UNAVAILABLE.as_u16();

#[tokio::test(start_paused = true)]
async fn of_those_who_refresh_at_once_one_reads() {
    let script = Script::new([entry("alpha", 1)]);
    script.takes(Duration::from_millis(50));
    let resolver = resolver(&script);
    let tenant = acme();
    let all = (0..20).map(|_| async { said(resolver.tenant(&tenant).await) });
    for said in futures_util::future::join_all(all).await {
        assert_eq!(said, route("alpha", 1, RouteSource::Map));
    }
    assert_eq!(script.take().len(), 1, "a cold look-up");
    tokio::time::sleep(Duration::from_millis(1)).await;

    script.set(entry("beta", 2));
    let all = (0..20).map(|_| async { said(resolver.refresh(&tenant).await) });
    for said in futures_util::future::join_all(all).await {
        assert_eq!(said, route("beta", 2, RouteSource::Map));
    }
    // The read in flight when the others ask may have returned before they asked.
    assert!(script.take().len() <= 2, "a refresh");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_others_wait_for_has_its_own_read() {
    let script = Script::new([Reply::Hang, nothing()]);
    let resolver = resolver(&script);
    let (acme, globex) = (acme(), "globex".parse().unwrap());
    let hanging = resolver.tenant(&acme);
    let other = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        tokio::time::timeout(Duration::from_millis(10), resolver.tenant(&globex)).await
    };
    let (_, other) = tokio::join!(hanging, other);
    assert_eq!(said(other.unwrap()), Err(404));
}

#[tokio::test(start_paused = true)]
async fn a_map_that_goes_back_makes_a_route_stale_and_never_older() {
    let script = Script::new([entry("beta", 3)]);
    let resolver = resolver(&script);
    assert_eq!(said(resolver.tenant(&acme()).await), route("beta", 3, RouteSource::Map));
    script.set(entry("alpha", 1));
    assert_eq!(said(resolver.tenant(&acme()).await), route("beta", 3, RouteSource::Cache), "nobody has looked yet");
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(said(resolver.refresh(&acme()).await), route("beta", 3, RouteSource::Stale));
        assert_eq!(said(resolver.tenant(&acme()).await), route("beta", 3, RouteSource::Stale));
    }
    tokio::time::sleep(TENANT_LEASE).await;
    assert_eq!(said(resolver.tenant(&acme()).await), route("beta", 3, RouteSource::Stale));
    script.set(entry("alpha", 4));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(said(resolver.tenant(&acme()).await), route("alpha", 4, RouteSource::Map));
}

#[tokio::test(start_paused = true)]
async fn a_loop_over_names_that_nobody_has_costs_no_tenant_its_route() {
    let script = Script::new([entry("alpha", 1)]);
    let resolver = resolver(&script);
    resolver.tenant(&acme()).await.unwrap();
    script.set(nothing());
    // Stored into the cache directly, since more calls than it has room for would take long.
    for n in 0..=TENANT_CACHE {
        resolver.tenants.note(format!("nobody-{n}").parse().unwrap(), None);
    }
    script.set(Reply::Failed);
    tokio::time::sleep(TENANT_LEASE).await;
    assert_eq!(said(resolver.tenant(&acme()).await), route("alpha", 1, RouteSource::Stale));
}

#[tokio::test(start_paused = true)]
async fn a_cells_record_is_read_again_when_it_is_asked_for() {
    let record = |status: &str| {
        Reply::Ok(json!({ "Items": [
            { "pk": { "S": "cell#alpha" }, "sk": { "S": "config" }, "table": { "S": "t" } },
            { "pk": { "S": "cell#alpha" }, "sk": { "S": "state" }, "status": { "S": status } },
        ]}))
    };
    let script = Script::new([record("down")]);
    let resolver = resolver(&script);
    let alpha = "alpha".parse().unwrap();
    let status = async || resolver.cell(&alpha).await.unwrap().status.as_str();
    assert_eq!(status().await, "down");
    script.set(record("active"));
    assert_eq!(status().await, "down", "within its lease");
    resolver.refresh_cell(&alpha).await;
    assert_eq!(status().await, "active");
    script.set(Reply::Failed);
    resolver.refresh_cell(&alpha).await;
    assert_eq!(status().await, "active", "an error evicts nothing");
}

/// A change of the map, or a pause.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Map(u64),
    Fails,
    Refresh,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_u64..400).prop_map(Step::Wait),
        (1_u64..5).prop_map(Step::Map),
        Just(Step::Fails),
        Just(Step::Refresh),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The map fails, comes back, advances and goes back, as time passes. A tenant that was found once is always found,
    /// its epoch never falls, and a route counts as good for an unfenced write only if the map confirmed it within the
    /// lease.
    #[test]
    fn an_error_never_evicts_and_what_counts_is_what_the_map_said(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let script = Script::new([entry("alpha", 1)]);
            let resolver = resolver(&script);
            let (mut says, mut best) = (Some(1), 1);
            // The latest time at which the map is known to have held an epoch: at the latest, when a read of it began.
            let mut confirmed = std::collections::HashMap::new();
            for step in std::iter::once(Step::Refresh).chain(steps) {
                let begun = tokio::time::Instant::now();
                let resolved = match step {
                    Step::Wait(seconds) => {
                        tokio::time::sleep(Duration::from_secs(seconds)).await;
                        // A refresh that the step before started.
                        if let Some(epoch) = says.filter(|_| !script.take().is_empty()) {
                            confirmed.insert(epoch, begun);
                        }
                        continue;
                    }
                    Step::Map(epoch) => {
                        says = Some(epoch);
                        script.set(entry("alpha", epoch));
                        tokio::time::sleep(BREAKER_COOLDOWN_MAX).await;
                        said(resolver.tenant(&acme()).await)
                    }
                    Step::Fails => {
                        says = None;
                        script.set(Reply::Failed);
                        said(resolver.tenant(&acme()).await)
                    }
                    Step::Refresh => said(resolver.refresh(&acme()).await),
                };
                if let Some(epoch) = says.filter(|_| !script.take().is_empty()) {
                    confirmed.insert(epoch, tokio::time::Instant::now());
                }
                match resolved {
                    Ok((_, epoch, source)) => {
                        prop_assert!(epoch >= best, "{epoch} after {best}");
                        best = epoch;
                        if source != RouteSource::Stale {
                            let age = confirmed.get(&epoch).map(|at| begun.saturating_duration_since(*at));
                            prop_assert!(age.is_some_and(|age| age < TENANT_LEASE), "{epoch} {source:?} {age:?}");
                        }
                    }
                    Err(status) => prop_assert!(status == UNAVAILABLE && matches!(step, Step::Refresh), "{status}"),
                }
            }
            Ok(())
        })?;
    }
}
