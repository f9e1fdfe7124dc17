"""The blocks and examples that are not run, each with its reason. A block that is neither run nor declared here fails the suite, and so does
a declaration that no block has.

A block is named by its page and its first line, an example by its command's --help and its own line.
"""

AWS = "needs an AWS account; the same root is applied to an emulator by `make test-deployed`"
SUITE = "runs this suite"
ITSELF = "is run by `make test` beside this suite"
BENCH = "measures for minutes; CI runs no benchmark"
S3 = "the local endpoint has no S3; crates/cellctl/tests/cellctl/snapshot runs it against a file"
REFUSAL = "what a plan is refused with; terraform/tests check the refusal"
FIGURE = "a drawing, no output"
GRAPH = "drawn and checked by tests/crates/check"
MOVES = "takes five minutes, since old routes have to run out; crates/cellctl/tests/cellctl/moves runs it in virtual time"
ERASURES = "a tenant is erased 310 s after it was unplaced; crates/cellctl/tests/cellctl/tenants/erase.rs runs it in virtual time"
SHAPE = "a response with a standby in it, its values left out; tests/api checks the responses against docs/openapi.yaml"

# Pages whose commands change an account: none of them is run, so each is declared.
NEVER_RUN = "terraform/"

NOT_RUN = {
    ("README.md", "make test     # everything: Rust tests, Terraform tests, end-to-end tests against a deployed local stack"): SUITE,
    ("README.md", "caller ──HTTPS──> router (Lambda, function URL) ──cached──> tenant map        one of each, thin"): FIGURE,
    ("README.md", "make deploy-local     # builds the zips, starts the emulator, applies, places the three tenants, prints a call to try"): ITSELF,
    ("README.md", 'eval "$(aws configure export-credentials --format env)"'): AWS,
    ("docs/ARCHITECTURE.md", "flowchart LR"): FIGURE,
    ("docs/ARCHITECTURE.md", "flowchart TD"): GRAPH,
    ("docs/api.md", '{"events":[{"id":"…","type":"order.placed","status":"processed","accepted_at":"…","processed_at":"…"},'): SHAPE,
    ("docs/api.md", '{"tenant_id":"acme","cell_id":"alpha","epoch":1,"state":"active","standby_cell_id":"beta","cell_status":"down",'): SHAPE,
    ("docs/control-plane.md", "cellctl tenants unplace initech --reason 'contract ended'        # and 310 s later:"): ERASURES,
    ("docs/control-plane.md", "[profile cellstack]"): AWS,
    ("docs/dead-letters.md", "{"): "the format; `cellctl dlq show --output json` on the same page prints one",
    ("docs/identity.md", "curl \"$URL/v1/events\" -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' -d '{\"type\":\"order.placed\"}'"): "needs a stack that verifies tokens; tests/deployed/identity.rs calls one",
    ("docs/performance.md", "make bench              # the router, alongside a bare function and itself in Python and Node: about five minutes"): BENCH,
    ("docs/static-stability.md", "cellctl snapshot write --to s3://my-bucket/cellstack/map        # as often as tenants are placed and moved; --dry-run first"): S3,
    ("terraform/README.md", "make build ARCH=arm64                          # target/lambda/arm64: a zip per function, and their manifest"): AWS,
    ("terraform/README.md", "cat > prod.s3.tfbackend <<'EOF'"): AWS,
    ("terraform/README.md", "Error: Resource postcondition failed"): REFUSAL,
    ("terraform/README.md", "cat >> terraform.tfvars <<'EOF'"): AWS,
    ("terraform/README.md", "cell=cellstack-cell-alpha"): AWS,
    ("terraform/examples/cloudfront/README.md", "make build ARCH=arm64"): AWS,
    ("terraform/examples/cloudfront/README.md", "body='{\"type\":\"order.placed\",\"data\":{\"amount\":42}}'"): AWS,
    ("cellctl status --help", "cellctl status --watch --every 5"): "runs until Ctrl-C; crates/cellctl/tests/cellctl/cells/bootstrap.rs ends it",
    ("cellctl cells probe --help", "cellctl cells probe --act --loop --every 10 --failures 3 --max-down 25"): "runs until Ctrl-C; crates/cellctl/tests/cellctl/automation.rs ends it",
    ("cellctl snapshot write --help", "cellctl snapshot write --to s3://my-bucket/cellstack/map --reason 'hourly'"): S3,
    ("cellctl snapshot show --help", "cellctl snapshot show --from s3://my-bucket/cellstack/map --output json"): S3,
    ("cellctl tenants move --help", "cellctl tenants move acme --to beta --reason 'alpha is full'"): MOVES,
    ("cellctl tenants erase --help", "cellctl tenants erase acme --reason 'contract ended' --dry-run"): ERASURES,
    ("cellctl tenants erase --help", "cellctl tenants erase acme --reason 'contract ended' --certificate acme-erased.json"): ERASURES,
    ("cellctl moves show --help", "cellctl moves show 01932c07-209c-7a3e-8000-0123456789ab"): MOVES,
    ("cellctl moves show --help", "cellctl moves show 01932c07-209c-7a3e-8000-0123456789ab --output json"): MOVES,
    ("cellctl moves resume --help", "cellctl moves resume 01932c07-209c-7a3e-8000-0123456789ab --reason 'ann has lost her laptop'"): MOVES,
    ("cellctl moves abort --help", "cellctl moves abort 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is too slow'"): MOVES,
    ("cellctl moves back --help", "cellctl moves back 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is slower' --dry-run"): MOVES,
    ("cellctl moves back --help", "cellctl moves back 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is slower'"): MOVES,
    ("cellctl moves purge --help", "cellctl moves purge 01932c07-209c-7a3e-8000-0123456789ab --reason 'a week is over' --dry-run"): MOVES,
    ("cellctl moves purge --help", "cellctl moves purge 01932c07-209c-7a3e-8000-0123456789ab --reason 'a week is over'"): MOVES,
    ("cellctl moves run --help", "cellctl moves run drain-alpha.json --reason 'alpha is old' --tenants-at-once 64"): MOVES,
}
