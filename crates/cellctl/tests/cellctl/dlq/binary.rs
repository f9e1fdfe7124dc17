//! The program itself, over a port.

use std::process::Output;

use cellstack_embedded::serve::Served;
use cellstack_embedded::{Pipeline, Stack};
use serde_json::Value;
use tokio::process::Command;

use super::world::cell;

async fn run(served: &Served, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cellctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_ENDPOINT_URL", format!("http://{}", served.endpoint))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn data_goes_to_stdout_talk_to_stderr_and_the_exit_code_says_how_it_ended() {
    let stack = Stack::builder().pipeline(Pipeline::IMPATIENT).cell(cell("alpha"));
    let stack = stack.tenant("acme".parse().unwrap(), cell("alpha")).build().await.unwrap();
    let served = Served::start(stack, 0, 0).await.unwrap();
    let url = served.stack.queue_url("cellstack-cell-alpha-events-dlq").await.unwrap();
    served.stack.sqs().send_message().queue_url(url).message_body("nonsense").send().await.unwrap();

    let ls = run(&served, "dlq ls --output json").await;
    assert_eq!(ls.status.code(), Some(0), "{}", String::from_utf8_lossy(&ls.stderr));
    assert!(ls.stderr.is_empty(), "{}", String::from_utf8_lossy(&ls.stderr));
    let json: Value = serde_json::from_slice(&ls.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);

    let redrive = run(&served, "dlq redrive --reason test --operator test --place queue").await;
    assert_eq!(redrive.status.code(), Some(3), "{}", String::from_utf8_lossy(&redrive.stderr));
    assert!(String::from_utf8_lossy(&redrive.stderr).starts_with("0 sent, 0 letters deleted"));
    assert!(String::from_utf8_lossy(&redrive.stdout).contains("it names no event"));

    let nobody = run(&served, "dlq redrive --reason test").await;
    let talk = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(3), "{talk}");
    assert!(talk.starts_with("recorded as the work of uid "), "{talk}");
    served.stop().await.unwrap();
}
