//! `tenants place --from`.

use cellstack_cellctl::Completion;
use serde_json::{Value, json};

use super::world::TenantsWorld;

const FILE: &str = "\
tenant,cell,standby,weight,pinned
acme,alpha,gamma,2,true
globex,,none,,
bad id,,,,
initech,beta,,many,
umbrella,delta,,,
acme,,,,
hooli,beta,alpha,,
cellstack-probe,,,,
stark,gamma,,9,
";

const OUTCOMES: [&str; 8] = [
    "tenant | outcome | cell | standby | detail",
    "acme | placed | alpha | gamma | ",
    "globex | placed | beta | - | ",
    "umbrella | refused | - | - | cell delta is not in the registry; expected one of `cellctl cells ls`",
    "acme | already | alpha | gamma | it stays there",
    "hooli | placed | beta | alpha | ",
    "cellstack-probe | refused | - | - | tenant cellstack-probe is reserved for `cellctl cells probe`; expected another id",
    "stark | refused | - | - | cell gamma is full: 0 of its capacity of 5 is taken, expected room for 9; leave --cell \
     out, or raise the capacity in Terraform",
];

const TALK: &str = "\
left out: line 4: a tenant id must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ -; found 'bad id'
left out: line 5: weight must be a whole number; found 'many'
3 placed, 1 had a cell, 3 refused
";

async fn world() -> TenantsWorld {
    TenantsWorld::new(&[("alpha", 5), ("beta", 5), ("gamma", 5)]).await
}

#[tokio::test(start_paused = true)]
async fn good_lines_are_placed_and_bad_ones_are_named() {
    let world = world().await;
    let file = world.file(FILE);
    let rehearsed = world.place(&format!("--from {file} --dry-run")).await.ended(Completion::LeftSome);
    assert_eq!(rehearsed.rows(), OUTCOMES);
    assert!(rehearsed.talk.contains("3 would be placed, 1 had a cell, 3 refused"), "{}", rehearsed.talk);
    assert_eq!((world.check_books("dry run").await, world.audit().await.len()), (0, 0));

    let ran = world.place(&format!("--from {file}")).await.ended(Completion::LeftSome);
    assert_eq!(ran.rows(), OUTCOMES);
    assert_eq!(ran.talk, TALK);
    assert_eq!(world.check_books("placed").await, 3);
    let acme = world.entry("acme").await;
    assert_eq!((acme.weight, acme.pinned), (2, true));

    let audit = world.audit().await;
    assert_eq!(audit.len(), 2);
    let done = audit[1]["done"].as_m().unwrap();
    let count = |name: &str| done[name].as_n().unwrap().as_str();
    assert_eq!((count("placed"), count("kept"), count("refused")), ("3", "1", "3"));
    assert_eq!(audit[1]["scope"].as_s().unwrap(), &format!("--from {file}"));
}

#[tokio::test(start_paused = true)]
async fn json_lines_in_json_lines_out() {
    let world = world().await;
    let file = world.file("{\"tenant\":\"acme\",\"cell\":\"alpha\"}\n{\"tenant\":\"stark\",\"weight\":9}\n");
    let ran = world.place(&format!("--from {file} --output json")).await.ended(Completion::LeftSome);
    let lines: Vec<Value> = ran.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reason = "no active cell has room for a weight of 9: the 3 active cells have 5 left at most; raise a capacity \
                  in Terraform, or add a cell";
    assert_eq!(
        lines,
        [
            json!({"outcome": "placed", "tenant": "acme", "cell": "alpha", "standby": "beta", "sharing": 0}),
            json!({"outcome": "refused", "tenant": "stark", "reason": reason}),
        ]
    );
    let elsewhere = world.file("{\"tenant\":\"acme\",\"cell\":\"beta\"}\n{\"tenant\":\"acme\"}\n");
    let ran = world.place(&format!("--from {elsewhere} --output json")).await.ended(Completion::LeftSome);
    let lines: Vec<Value> = ran.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({"outcome": "elsewhere", "tenant": "acme", "cell": "alpha", "standby": "beta"}),
            json!({"outcome": "already", "tenant": "acme", "cell": "alpha", "standby": "beta"}),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_half_way_says_what_it_has_placed() {
    use cellstack_emulator::{Fault, FaultKind};
    let world = world().await;
    let refused = FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "by test".into() };
    // The map is read, one home is filled, the next fails.
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "TransactWriteItems", refused).after(1));
    let ran = world.place(&format!("--from {}", world.file("tenant,cell\na,alpha\nb,beta\nc,gamma\n"))).await;
    assert!(ran.completion.as_ref().is_err_and(|error| error.contains("AccessDenied")), "{ran:?}");
    assert_eq!(ran.data.matches("placed").count(), 1, "{}", ran.data);
    assert!(ran.talk.contains("1 placed, 0 had a cell, 0 refused, 2 not tried: failed"), "{}", ran.talk);
    let audit = world.audit().await;
    assert_eq!(audit[1]["done"].as_m().unwrap()["placed"].as_n().unwrap(), "1");
    assert_eq!(audit[1]["troubles"].as_l().unwrap().len(), 1);
    assert_eq!(world.check_books("failed").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_names_no_tenant_is_refused() {
    let world = world().await;
    let error = world.place(&format!("--from {}", world.file("tenant\n"))).await.completion.unwrap_err();
    assert!(error.contains("names no tenant; expected a line per tenant"), "{error}");
    let error = world.place(&format!("--from {}", world.file("name\nacme\n"))).await.completion.unwrap_err();
    assert!(error.contains("expected a header with tenant"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pairs_are_even_after_a_file() {
    let cells = ["alpha", "beta", "gamma", "delta"].map(|cell| (cell, 1_000));
    let world = TenantsWorld::new(&cells).await;
    let tenants: String = (0..121).map(|tenant| format!("tenant-{tenant}\n")).collect();
    world.place(&format!("--from {}", world.file(&format!("tenant\n{tenants}")))).await.ended(Completion::Done);
    assert_eq!(world.check_books("placed").await, 121);
    let pairs = world.listing().await.pairs;
    // 12 ordered pairs.
    assert!(pairs.len() == 12 && pairs.values().all(|tenants| (9..=12).contains(tenants)), "{pairs:?}");
}
