"""Shows that the check can fail: a small repository, and pages with one fault each."""

import rules
from tree import Tree

FILES = {
    "Cargo.toml": "[workspace]\n",
    "Makefile": "lint: ## Checks\n",
    "crates/a/Cargo.toml": '[package]\nname = "cellstack-a"\n',
    "crates/a/src/lib.rs": "pub use run::run;\n",
    "crates/a/src/run.rs": "pub struct Run<T>(T);\nimpl<T> Run<T> {\n    pub const fn of(text: &str) {\n        gone();\n    }\n}\n"
    "enum End {\n    Well,\n    Ill(u8),\n}\n",
    "crates/a/tests/suite/main.rs": "mod fence;\n",
    "crates/a/tests/suite/fence.rs": "async fn it_holds() {}\nasync fn it_holds_again() {}\n",
    "terraform/main.tf": 'locals {\n  alarms = {}\n}\n\nresource "aws_x" "this" {}\n\nmodule "cell" {}\n',
    "tests/b/check": "#!/bin/sh\n",
    "tests/b/names.py": "LIMIT = 1\n\n\ndef read(): ...\n",
    "docs/other.md": "# A page\n\n## One, two & `three`\n\n## Again\n\n## Again\n",
}
# A page that names what is there, and each thing in the place of which something else must be found.
GOOD = """# Top

[a](other.md#one-two--three) [b](other.md#again-1) [c](#top) [`b/names.py`](../tests/b/names.py) ![d](other.md) [a
page](other.md#a-page) [`Run::of`](../crates/a/src/run.rs) [`End::Ill`](../crates/a/src/run.rs) [`alarms`](../terraform/main.tf)
[`aws_x.this`](../terraform/main.tf) [`module.cell`](../terraform/main.tf) [`read`](../tests/b/names.py)
`crates/a/src/{lib,run}.rs` `crates/*/src` `run.rs` `tests/b/check --all` `fence::it_holds` `fence::it_holds_*` `fence::*`
`cellstack_a::run` `cargo test -p cellstack-a --test suite` `/v1/events` `[x](nowhere.md)` `make lint ARGS=x`

```sh
cat crates/a/Cargo.toml target/none
```
"""
SPOILT = (
    ("other.md#one-two--three", "others.md", "there is no docs/others.md"),
    ("#one-two--three", "#one-two-three", "has no such heading"),
    ("#again-1", "#again-2", "has no such heading"),
    ("(#top)", "(#bottom)", "has no such heading"),
    ("#a-page", "#no-page", "has no such heading"),
    ("names.py)", "names.py#L1)", "a line's number goes stale"),
    ("![d](other.md)", "![d](other.svg)", "there is no docs/other.svg"),
    ("`b/names.py`", "`b/name.py`", "the link leads to"),
    ("`Run::of`", "`Run::off`", "does not define it"),
    # A call does not define it.
    ("`Run::of`", "`gone`", "does not define it"),
    ("`Run::of`", "`End::of_all`", "does not define it"),
    ("`End::Ill`", "`Ends::Ill`", "does not define it"),
    ("`alarms`", "`alarm`", "does not define it"),
    ("`aws_x.this`", "`aws_x.that`", "does not define it"),
    ("`module.cell`", "`module.cells`", "does not define it"),
    ("`read`", "`write`", "does not define it"),
    ("{lib,run}", "{lib,ran}", "there is no such path"),
    ("crates/*/src`", "crates/*/source`", "there is no such path"),
    ("`run.rs`", "`ran.rs`", "no file has this name"),
    ("tests/b/check --all", "tests/b/checks --all", "there is no such path"),
    ("`fence::it_holds`", "`fence::it_hold`", "has a function of this name"),
    ("`fence::it_holds_*`", "`fence::it_fails_*`", "has a function of this name"),
    ("`fence::*`", "`fences::*`", "has a function of this name"),
    ("cellstack_a::run", "cellstack_a::ran", "has a function of this name"),
    ("-p cellstack-a", "-p cellstack-b", "-p cellstack-b"),
    ("--test suite", "--test suites", "--test suites"),
    ("make lint", "make lints", "the Makefile has no target"),
    ("crates/a/Cargo.toml", "crates/a/Cargo.lock", "there is no such path"),
)
ARCHITECTURE = """# Architecture

## The tree

### Code

`crates/a`, `tests/b`

## Where is ...?

| question | symbol |
|---|---|
| Where is the fence decided? | [`Run`](../crates/a/src/run.rs) |
| Where does it become a dead letter? | [`Run`](../crates/a/src/run.rs) |
| Where is a lease's age computed? | [`Run`](../crates/a/src/run.rs) |
| Where is a batch cut? | [`Run`](../crates/a/src/run.rs) |
| Where is a cell's alarm defined? | [`alarms`](../terraform/main.tf) |
"""
INCOMPLETE = (
    ("`crates/a`, ", "", "does not name crates/a"),
    ("[`alarms`](../terraform/main.tf)", "[alarms](../terraform/main.tf)", "names no symbol"),
    ("| Where is a batch cut? | [`Run`](../crates/a/src/run.rs) |\n", "", "does not answer: batch cut"),
)


def found(page: str, text: str) -> list[str]:
    files = FILES | {page: text}
    return [fault for _, fault in rules.check(Tree(set(files), files.__getitem__), page)]


def run() -> list[str]:
    """Returns each sample that the check judges wrongly."""
    wrong = []
    for page, text, spoilt in (("docs/page.md", GOOD, SPOILT), (rules.INDEX[0], ARCHITECTURE, INCOMPLETE)):
        wrong += [f"{page} is right, and this is found: {fault}" for fault in found(page, text)]
        for right, other, fault in spoilt:
            if right not in text:
                wrong.append(f"{page} does not hold {right}")
            elif not any(fault in each for each in found(page, text.replace(right, other, 1))):
                wrong.append(f"{page} with {other} instead of {right}: '{fault}' is not found")
    return wrong
