//! Placements and changes that the state of a cell or of a tenant forbids.

use cellstack_cellctl::Completion;
use cellstack_embedded::names::{registry, tenant_map};

use super::world::{TenantsWorld, text};

async fn world() -> TenantsWorld {
    TenantsWorld::new(&[("alpha", 5), ("beta", 5)]).await
}

/// Checks that a tenant is refused for a reason, in a dry run and in earnest.
async fn refused(world: &TenantsWorld, more: &str, reason: &str) {
    for dry_run in ["--dry-run", ""] {
        let ran = world.place(&format!("stark {more} {dry_run}")).await.ended(Completion::LeftSome);
        assert!(ran.rows()[1].ends_with(reason), "{more}: {:?}", ran.rows());
    }
    world.check_books(reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_home_that_takes_no_tenants_is_refused() {
    let world = world().await;
    refused(&world, "--cell delta", "cell delta is not in the registry; expected one of `cellctl cells ls`").await;
    world.set_cell("alpha", "state", "status", text("draining")).await;
    refused(&world, "--cell alpha", "cell alpha is draining; expected active: `cellctl cells show alpha` says why")
        .await;
    world.set_cell("beta", "state", "status", text("full")).await;
    let none = "no cell takes new tenants: expected one that is active and has a weight above 0; `cellctl cells ls` shows \
                all, `cellctl cells bootstrap` takes a stamped one into service";
    refused(&world, "", none).await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_was_never_bootstrapped_is_refused() {
    let world = world().await;
    let delete = world.stack.dynamodb().delete_item().table_name(registry());
    delete.key("pk", text("cell#alpha")).key("sk", text("state")).send().await.unwrap();
    let ran = world.place("stark --cell alpha").await.ended(Completion::LeftSome);
    let reason = "cell alpha was never bootstrapped; expected an active cell: `cellctl cells bootstrap alpha`";
    assert!(ran.rows()[1].ends_with(reason), "{:?}", ran.rows());
    let ran = world.place("stark --cell beta --standby alpha").await.ended(Completion::LeftSome);
    let reason = "standby alpha is new; expected one that is active or full, or --no-standby";
    assert!(ran.rows()[1].ends_with(reason), "{:?}", ran.rows());
    assert!(world.placed().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_can_not_hold_events_is_refused() {
    let world = world().await;
    world.set_cell("beta", "state", "status", text("down")).await;
    let reason = "standby beta is down; expected one that is active or full, or --no-standby";
    refused(&world, "--standby beta", reason).await;
    refused(
        &world,
        "--cell alpha --standby alpha",
        "the standby must be another cell than the tenant's own, which is alpha",
    )
    .await;
    // Left to itself, it does without.
    world.place("stark").await.ended(Completion::Done);
    assert_eq!(world.entry("stark").await.route.standby_cell_id, None);
    let error = world.cellctl("tenants set-standby stark beta --operator test").await.completion.unwrap_err();
    assert!(error.contains(reason), "{error}");
    assert_eq!(world.check_books("stark").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_being_moved_is_not_changed() {
    let world = world().await;
    world.place("acme").await.ended(Completion::Done);
    let update = world.stack.dynamodb().update_item().table_name(tenant_map()).key("tenant_id", text("acme"));
    let update = update.update_expression("SET #s = :s").expression_attribute_names("#s", "state");
    update.expression_attribute_values(":s", text("moving")).send().await.unwrap();
    for line in ["pin acme", "unplace acme --reason over", "set-standby acme --none"] {
        let error = world.cellctl(&format!("tenants {line} --operator test")).await.completion.unwrap_err();
        assert!(error.contains("tenant acme is moving; expected active: wait until its move has ended"), "{error}");
    }
    assert_eq!(world.check_books("moving").await, 1);
}
