//! `cellctl` in an environment that leads to the wrong place: each error says what it expected, what it found and what
//! to type next.

use cellstack_embedded::Stack;
use cellstack_embedded::serve::Served;
use tokio::process::Command;

const KEYS: [(&str, &str); 3] =
    [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

/// Runs `cellctl` with nothing but these variables, and returns its exit code and its output.
async fn cellctl(line: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let said = Command::new(env!("CARGO_BIN_EXE_cellctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    (said.status.code(), String::from_utf8(said.stderr).unwrap())
}

#[track_caller]
fn names(said: &(Option<i32>, String), expected: &str, found: &str, next: &str) {
    let (code, text) = said;
    assert_eq!(*code, Some(1), "{text}");
    assert!(text.starts_with("error: "), "{text}");
    for (label, part) in [("  expected: ", expected), ("  found:    ", found), ("  next:     ", next)] {
        let line =
            text.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("no '{label}' in {text}"));
        assert!(line.contains(part), "'{part}' is not in '{line}'");
    }
    for dump in ["unhandled error", "DispatchFailure", "Custom {", "InvalidUri"] {
        assert!(!text.contains(dump), "{text}");
    }
}

#[tokio::test]
async fn without_credentials_or_a_region() {
    let said = cellctl("dlq ls", &[("AWS_REGION", "us-east-1")]).await;
    names(&said, "AWS credentials", "none", "export AWS_ACCESS_KEY_ID=test");
    let said = cellctl("dlq ls", &KEYS[1..]).await;
    names(&said, "a region", "none", "export AWS_REGION=");
}

#[tokio::test]
async fn an_endpoint_that_is_not_a_url() {
    let said = cellctl("dlq ls", &[&KEYS[..], &[("AWS_ENDPOINT_URL", "foo")]].concat()).await;
    names(&said, "AWS_ENDPOINT_URL as http://HOST:PORT", "foo", "http://127.0.0.1:4566");
    let said = cellctl("dlq ls", &[&KEYS[..], &[("AWS_ENDPOINT_URL_SQS", "foo")]].concat()).await;
    names(&said, "AWS_ENDPOINT_URL_SQS as", "foo", "unset it");
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens() {
    // Port 1 needs a privileged listener, and none has it on a test machine.
    let said = cellctl("dlq ls", &[&KEYS[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]].concat()).await;
    names(&said, "a response from us-east-1 at http://127.0.0.1:1", "refused", "make serve");
}

#[tokio::test]
async fn the_function_url_for_an_endpoint_and_a_prefix_of_another_stack() {
    let stack = Stack::builder().cell("alpha".parse().unwrap()).build().await.unwrap();
    let served = Served::start(stack, 0, 0).await.unwrap();
    let url = format!("http://{}", served.url);
    let said = cellctl("dlq ls", &[&KEYS[..], &[("AWS_ENDPOINT_URL", &url)]].concat()).await;
    names(&said, &format!("DynamoDB in us-east-1 at {url}"), "a router's response", "not to the function URL");

    let endpoint = format!("http://{}", served.endpoint);
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &*endpoint)]].concat();
    let said = cellctl("dlq ls --prefix other", &variables).await;
    names(&said, &format!("the table other-registry in us-east-1 at {endpoint}"), "no table", "CELLSTACK_PREFIX");
    let said = cellctl("snapshot write --to file:///nonexistent/map --prefix other", &variables).await;
    names(&said, "the table other-tenant-map", "no table", "aws dynamodb list-tables");
    served.stop().await.unwrap();
}

#[tokio::test]
async fn a_prefix_of_another_stack_where_a_placement_says_that_its_call_failed() {
    let stack = Stack::builder().cell("alpha".parse().unwrap()).build().await.unwrap();
    let served = Served::start(stack, 0, 0).await.unwrap();
    let endpoint = format!("http://{}", served.endpoint);
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &*endpoint)]].concat();
    let said = cellctl("tenants pin acme --prefix other --operator ann", &variables).await;
    names(
        &said,
        &format!("the table other-tenant-map in us-east-1 at {endpoint}"),
        "no table of this name",
        "CELLSTACK_PREFIX",
    );
    served.stop().await.unwrap();
}
