//! `cellstack-local serve --tenant-source jwt` wants to know which tokens count.

use std::process::Command;

#[test]
fn a_stack_that_verifies_tokens_does_not_start_without_their_issuer() {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_cellstack-local"));
    serve.args(["serve", "--port", "0", "--endpoint-port", "0", "--tenant-source", "jwt"]).env_clear();
    let ended = serve.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{said}");
    assert!(said.contains("CELLSTACK_JWT_AUDIENCE"), "{said}");
}
