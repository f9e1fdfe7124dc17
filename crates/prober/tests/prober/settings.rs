//! The program in a wrong environment: it ends with 78 and names the setting, what was found and what was expected.

use tokio::process::Command;

const RIGHT: [(&str, &str); 4] = [
    ("CELLSTACK_STACK", "cellstack"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];

/// Starts the program with these variables more, and returns its exit code and its log.
async fn started(more: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prober"));
    command.env_clear().envs(RIGHT).envs(more.iter().copied());
    let said = command.output().await.unwrap();
    (said.status.code(), String::from_utf8(said.stdout).unwrap())
}

#[tokio::test]
async fn each_setting_is_refused_by_its_name() {
    for (name, found, expected) in [
        ("CELLSTACK_PROBE_ACT", "maybe", "on or off (it is a switch)"),
        ("CELLSTACK_PROBE_FAILURES", "0", "1 to 1000 (it is out of bounds)"),
        ("CELLSTACK_PROBE_FAILURES", "many", "1 to 1000 (invalid digit found in string)"),
        ("CELLSTACK_PROBE_SUCCESSES", "1001", "1 to 1000 (it is out of bounds)"),
        ("CELLSTACK_PROBE_MAX_DOWN", "101", "0 to 100 (it is out of bounds)"),
        ("CELLSTACK_PROBE_TIMEOUT_MS", "999", "1000 to 600000 (it is out of bounds)"),
    ] {
        let (code, log) = started(&[(name, found)]).await;
        assert_eq!(code, Some(78), "{log}");
        assert!(log.contains(&format!("{name} is '{found}': set it to ")) && log.contains(expected), "{log}");
    }
    let (code, log) = started(&[("CELLSTACK_STACK", "")]).await;
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("CELLSTACK_STACK is not set: set it to the stack's name"), "{log}");
}

#[tokio::test]
async fn bounds_are_within() {
    // It gets as far as the interface of Lambda's runtime, which is not there.
    let most = [("CELLSTACK_PROBE_FAILURES", "1"), ("CELLSTACK_PROBE_SUCCESSES", "1000")];
    for more in [&most[..], &[("CELLSTACK_PROBE_MAX_DOWN", "0"), ("CELLSTACK_PROBE_TIMEOUT_MS", "600000")]] {
        let (code, log) = started(more).await;
        assert_ne!(code, Some(78), "{log}");
        assert!(!log.contains("configuration"), "{log}");
    }
}
