# Every target with a `##` comment is listed by `make help`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The architecture of the functions' code: that of this machine, unless set.
HOST_ARCH := $(shell uname -m | sed 's/aarch64/arm64/')
ARCH ?= $(HOST_ARCH)
# Function and event of `make invoke`.
FN ?= router
EVENT ?= events/router/01-post-plain.json
# The package whose processor the consumer runs. Its program is named like it, without `cellstack-` and with `-consumer`.
CONSUMER ?= cellstack-consumer
# Passed on to terraform, for example ARGS='-var-file=../prod.tfvars'.
ARGS ?=
# The number of seeds of `make soak`.
SEEDS ?= 200
# File with the settings of the backend that keeps Terraform's state.
BACKEND ?=

VENV := $(CURDIR)/.venv
CARGO_LAMBDA := PATH="$(VENV)/bin:$$PATH" cargo lambda
LAMBDA_ARCH_FLAG := $(if $(filter arm64,$(ARCH)),--arm64,--x86-64)
# Functions that run against `make serve`: its endpoint, and the names of its resources. What a function has for itself
# alone is in its Cargo.toml.
LOCAL_ENV := AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
	CELLSTACK_TENANT_MAP_TABLE=cellstack-tenant-map CELLSTACK_REGISTRY_TABLE=cellstack-registry CELLSTACK_TENANT_SOURCE=header \
	CELLSTACK_CELL_ID=alpha CELLSTACK_TABLE=cellstack-cell-alpha \
	CELLSTACK_TOPIC_ARN=arn:aws:sns:us-east-1:000000000000:cellstack-cell-alpha-events

# A first build takes minutes: a terminal shows it.
QUIET = $$([ -t 2 ] || echo --quiet)

# $(call need,program,how to get it): names a missing tool before any work is done.
need = command -v $(1) >/dev/null || { echo "error: $(1) is missing. $(2)" >&2; exit 1; }
NEED_CARGO = $(call need,cargo,Install Rust from https://rustup.rs.)
NEED_TERRAFORM = $(call need,terraform,Install Terraform 1.11 or later from https://developer.hashicorp.com/terraform/install.)
NEED_PYTHON = $(call need,python3,Install Python 3.11 or later with its venv module.)
NEED_OPENSSL = $(call need,openssl,Install OpenSSL: your system's package openssl.)
NEED_CURL = $(call need,curl,Install curl: your system's package curl.)
NEED_NODE = $(call need,npm,Install Node.js 20 or later with npm from https://nodejs.org.)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Watch events travel through three cells, one of them poisoned; needs only Rust
	@$(NEED_CARGO)
	@cargo run --locked $(QUIET) -p cellstack-local -- demo

.PHONY: serve
serve: ## Serve the stack: function URL on 127.0.0.1:9000, AWS endpoint on 127.0.0.1:4566
	@$(NEED_CARGO)
	@cargo run --locked $(QUIET) -p cellstack-local -- serve $(ARGS)

.PHONY: test
test: ## Run everything: Rust tests, Terraform tests, end-to-end tests against a deployed local stack
	@$(NEED_CARGO); $(NEED_TERRAFORM); $(NEED_PYTHON); $(NEED_OPENSSL); $(NEED_CURL); $(NEED_NODE)
	cargo test --locked --workspace
	terraform/local/tools
	$(MAKE) --no-print-directory --jobs=2 $(OUTPUT_SYNC) served unserved
	$(MAKE) test-deployed

# Two at once: the output of each is shown as a whole, where make can do that.
OUTPUT_SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# One after the other, since they use the same ports. They wait more than they compute.
.PHONY: served
served:
	$(MAKE) --no-print-directory --jobs=1 api
	$(MAKE) --no-print-directory --jobs=1 sdks
	$(MAKE) --no-print-directory --jobs=1 docs-test

# Computed while those wait, and behind them: the Terraform code's tests, and the zips that `test-deployed` deploys.
.PHONY: unserved
unserved:
	nice -n 10 terraform/local/check
	nice -n 10 $(MAKE) --no-print-directory --jobs=1 build ARCH=$(HOST_ARCH)

.PHONY: api
api: ## Hold the served API against docs/openapi.yaml with schemathesis
	@$(NEED_CARGO); $(NEED_PYTHON); $(NEED_OPENSSL)
	@tests/api/check

.PHONY: sdks
sdks: ## Let the AWS and CloudEvents SDKs for Python and JavaScript use the served stack, and go nowhere else (needs Node.js)
	@$(NEED_CARGO); $(NEED_PYTHON); $(NEED_NODE)
	@tests/sdks/check

.PHONY: docs-test
docs-test: ## Run what the documentation and each --help show, and hold it against what they show (ARGS=README.md: one page)
	@$(NEED_CARGO); $(NEED_TERRAFORM); $(NEED_PYTHON); $(NEED_CURL)
	@tests/docs/check $(ARGS)

.PHONY: fuzz
fuzz: ## Hand the router a million requests that are right, nearly right and nowhere near
	@$(NEED_CARGO)
	cargo run --locked --release --quiet -p cellstack-local -- fuzz --bodies 1000000 $(ARGS)

# The seconds since 1970 are seeds that no run has had.
.PHONY: soak
soak: ## Simulate 200 new seeds of callers, of moves and of the worked application (SEEDS=1000: more)
	@$(NEED_CARGO)
	cargo build --locked --release -p cellstack-local -p cellstack-orders
	first=$$(date +%s); seeds=$$first..$$((first + $(SEEDS) - 1)); \
	target/release/cellstack-local simulate --seeds $$seeds; \
	target/release/cellstack-local simulate --scenario moves --seeds $$seeds; \
	target/release/orders-local simulate --seeds $$seeds

.PHONY: test-deployed
test-deployed: ## Deploy the stack locally, run the end-to-end suites against it, retire a cell, destroy it
	@trap '$(MAKE) --no-print-directory destroy-local' EXIT; \
	$(MAKE) --no-print-directory deploy-local; \
	terraform/local/run terraform/local/drift; \
	terraform/local/run cargo test --locked --workspace --features cellstack-tests/deployed --test deployed --test contract; \
	terraform/local/run $(VENV)/bin/python -B tests/deployed/day_two/main.py

.PHONY: lint
lint: ## Check formatting, clippy and rustdoc with warnings denied, words, links, the crate graph, dependencies (Terraform: `test`)
	@$(NEED_CARGO); $(NEED_PYTHON)
	cargo fmt --all --check
	tests/words/check
	tests/links/check
	tests/crates/check
	@$(MAKE) --no-print-directory deny
	cargo clippy --locked --workspace --all-targets --all-features -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps --quiet

.PHONY: deny
deny: ## Hold licences, sources, duplicates and advisories of the dependencies against deny.toml
	@$(NEED_CARGO); $(NEED_PYTHON)
	tests/deny/check

.PHONY: ci
ci: lint test ## Run all that CI runs

# Programs that wait for each other on two cores are measured by how long a halted core takes to wake.
ONE_CORE := $(if $(shell command -v taskset),taskset -c 0)

.PHONY: bench
bench: ## Measure the router alongside a bare hello, Python and Node; writes docs/router-bench.json and .svg
	@$(NEED_CARGO)
	@crates/bench/peers/install
	cargo build --locked --profile function -p cellstack-router
	cargo build --locked --profile function -p cellstack-bench
	$(ONE_CORE) target/function/cellstack-bench --json docs/router-bench.json --svg docs/router-bench.svg $(ARGS)

.PHONY: bench-throughput
bench-throughput: ## Measure 20,000 events from 50 tenants through a served stack
	@$(NEED_CARGO)
	cargo bench --locked -p cellstack-local --bench throughput

.PHONY: bench-copy
bench-copy: ## Measure the copy of a move alongside the SDK alone, over a served stack
	@$(NEED_CARGO)
	cargo bench --locked -p cellstack-local --bench copy

.PHONY: bench-moves
bench-moves: ## Measure a tenant of 100,000 events that is moved while it writes: ten minutes; there and back with ARGS=2
	@$(NEED_CARGO)
	cargo bench --locked -p cellstack-local --bench moves -- $(ARGS)

.PHONY: tools
tools: ## Install the pinned tools of build, deploy-local and watch into .venv
	@$(NEED_PYTHON)
	@terraform/local/tools

# The program of a consumer that is not the reference.
OWN_CONSUMER := $(if $(filter-out cellstack-consumer,$(CONSUMER)),$(CONSUMER:cellstack-%=%)-consumer)

# Without default features: those of an application's package are its tools for a laptop, which no zip should carry.
# A folder for each architecture: what is built to be tried here does not take the place of what is to be uploaded.
.PHONY: build
build: tools ## Build the release zips into target/lambda/ARCH (arm64 or x86_64), with a manifest (CONSUMER=PACKAGE)
	@$(NEED_CARGO); case "$(ARCH)" in arm64 | x86_64) ;; *) echo "error: ARCH=$(ARCH) is neither arm64 nor x86_64." >&2; exit 1 ;; esac
	$(CARGO_LAMBDA) build --locked --profile function $(LAMBDA_ARCH_FLAG) --output-format zip --lambda-dir target/lambda/$(ARCH) \
		-p cellstack-router -p cellstack-producer -p cellstack-placer -p cellstack-prober -p $(CONSUMER) --no-default-features
	$(if $(OWN_CONSUMER),mkdir -p target/lambda/$(ARCH)/consumer)
	$(if $(OWN_CONSUMER),cp target/lambda/$(ARCH)/$(OWN_CONSUMER)/bootstrap.zip target/lambda/$(ARCH)/consumer/bootstrap.zip)
	terraform/local/manifest target/lambda/$(ARCH) $(ARCH)

.PHONY: deploy-local
deploy-local: ## Apply the Terraform root to an AWS emulator on 127.0.0.1 and place the tenants
	@$(NEED_TERRAFORM); $(NEED_OPENSSL)
	$(MAKE) --no-print-directory build ARCH=$(HOST_ARCH)
	terraform/local/up
	terraform/local/run cargo run --locked --quiet -p cellstack-cellctl -- cells bootstrap --all
	printf 'tenant,cell,standby\nacme,alpha,none\nglobex,beta,none\ninitech,gamma,none\n' | \
		terraform/local/run cargo run --locked --quiet -p cellstack-cellctl -- tenants place --from -

.PHONY: destroy-local
destroy-local: ## End the emulator and forget its state
	@terraform/local/down

.PHONY: watch
watch: tools ## Run router, placer, producer, consumer and prober under `cargo lambda watch` against `make serve`
	@$(NEED_CARGO)
	@$(LOCAL_ENV) $(CARGO_LAMBDA) watch --invoke-address 127.0.0.1 --invoke-port 9001

.PHONY: invoke
invoke: ## Invoke a watched function with a sample (FN=router EVENT=events/router/01-post-plain.json)
	@$(CARGO_LAMBDA) invoke --invoke-address 127.0.0.1 --invoke-port 9001 --data-file $(EVENT) $(FN)

.PHONY: plan
plan: ## Show what `make apply` would change on AWS (ARGS='-var-file=...' BACKEND=FILE)
	@$(NEED_TERRAFORM)
	terraform/local/init $(BACKEND)
	terraform -chdir=terraform plan $(ARGS)

.PHONY: apply
apply: ## Apply the Terraform root to AWS (ARGS='-var-file=...' BACKEND=FILE)
	@$(NEED_TERRAFORM)
	terraform/local/init $(BACKEND)
	terraform -chdir=terraform apply $(ARGS)
