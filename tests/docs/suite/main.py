"""Runs what the documentation shows and holds it to what it shows.

  main.py REPOSITORY SCRATCH [PAGE]...

Every fenced block of every page is one of these:

  sh                    run as it stands, in the page's order, in one shell per page; each command must end well
  text, json, http      right below commands: their output, line by line (see shapes.py)
  text serve            what the page's `make serve` has written, somewhere
  rust, hcl             held against a file, or parsed
  anything else         declared in declared.py with the reason why nothing is run

The examples of every command's --help are run, too (page `--help`), and every file in events/ (after events/README.md).
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

import code
import examples
import samples
from declared import NEVER_RUN, NOT_RUN
from pages import Block, blocks, pages
from shapes import match, put_in, spoilt
from shell import BACKGROUND, Failed, Shell, background

# Seconds within which a block that reads must show its output: an event is on its way for some milliseconds.
PATIENCE = 8

# A file that the pages write. One that another version has left there is refused.
SNAPSHOT = Path("/tmp/cellstack-map")


class Broken(str):
    """The fault of commands that failed: those after them can't be distinguished from broken ones."""


def loopback_up() -> None:
    """A network namespace begins with its loopback down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, name))[1]
        if not flags & 1:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def environment(repo: Path, home: Path) -> dict[str, str]:
    """A reader's, freshly logged in: nothing of AWS, a home of its own. Rust's tools stay where they are."""
    real = Path.home()
    # The AWS CLI alone: its directory also has a Python, which is not the reader's.
    tools = home / "bin"
    tools.mkdir()
    (tools / "aws").symlink_to(repo / ".venv/docs/bin/aws")
    # Cargo's settings are those of what is built already: with others it would build all again.
    names = ("PATH", "LANG", "TMPDIR", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # On a terminal curl draws no progress into a response; in a file it would.
    (home / ".curlrc").write_text("no-progress-meter\n")
    return {
        **kept,
        "HOME": str(home),
        "USER": "reader",
        # This Python before a version manager's, which looks for its own in the home.
        "PATH": f"{tools}:{Path(sys.executable).parent}:{kept['PATH']}",
        "CARGO_HOME": os.environ.get("CARGO_HOME", str(real / ".cargo")),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(real / ".rustup")),
        # No test of a command waits for metadata of a machine that it is not on.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def only_reads(commands: str) -> bool:
    """Returns whether a block may be run again until it shows its output."""
    reads = ("cellctl dlq ls", "cellctl dlq show", "aws dynamodb scan", "aws sqs get-queue-attributes")
    lines = [line for line in commands.replace("\\\n", " ").split("\n") if line.strip()]
    is_get = lambda line: line.startswith("curl ") and not any(f" {flag}" in line for flag in ("-d", "-X", "--data"))
    return all(line.startswith(reads) or is_get(line) for line in lines)


def commands(shell: Shell, block: Block, ids: dict[str, str]) -> str | None:
    """Runs a block of commands; what is wrong, or None."""
    if command := background(block.text):
        terminal = shell.start(command)
        return hold(block.shown, terminal.text(), ids)
    until = time.monotonic() + (PATIENCE if only_reads(block.text) else 0)
    while True:
        try:
            real = shell.run(put_in(block.text, ids))
        except Failed as failed:
            return Broken(failed)
        trouble = hold(block.shown, real, ids)
        if trouble is None or time.monotonic() > until:
            return trouble
        time.sleep(0.3)


def hold(shown: Block | None, real: str, ids: dict[str, str], anywhere: bool = False) -> str | None:
    if shown is None:
        return None
    before = dict(ids)
    if trouble := match(shown.text, real, ids, anywhere):
        return f"{trouble}\n--- shown at {shown.place}\n{shown.text}\n--- real\n{real}"
    # The test of the test: with one letter changed it must match no more.
    changed = spoilt(shown.text)
    if changed is not None and match(changed, real, before, anywhere) is None:
        return f"{shown.place} would match with a letter changed:\n{changed}"
    return None


def served(shell: Shell, block: Block, ids: dict[str, str]) -> str | None:
    """Holds a block against what `make serve` has written by now, or soon."""
    until = time.monotonic() + PATIENCE
    while True:
        texts = [terminal.text() for terminal in shell.terminals if terminal.command == "make serve"]
        if not texts:
            return "nothing is served on this page"
        trouble = hold(block, texts[-1], ids, anywhere=True)
        if trouble is None or time.monotonic() > until:
            return trouble
        time.sleep(0.2)


class Suite:
    def __init__(self, repo: Path, scratch: Path) -> None:
        self.repo, self.scratch = repo, scratch
        self.failures, self.used, self.at = 0, set(), time.monotonic()

    def line(self, word: str, place: str, what: str, trouble: str | None = None) -> None:
        now = time.monotonic()
        print(f"{word:<8}  {now - self.at:>5.1f} s  {place:<34}  {what[:90]}", flush=True)
        self.at = now
        if trouble:
            self.failures += 1
            print("\n".join(f"          {line}" for line in trouble.split("\n")), flush=True)

    def result(self, place: str, what: str, trouble: str | None) -> None:
        self.line("FAILED" if trouble else "ok", place, what, trouble)

    def declared(self, page: str, first: str, place: str) -> bool:
        reason = NOT_RUN.get((page, first))
        if reason is None:
            return False
        self.used.add((page, first))
        self.line("not run", place, f"{first[:40]}: {reason}")
        return True

    def page(self, page: str) -> None:
        found = blocks(self.repo, page)
        if not found:
            return
        scratch = self.scratch / page.replace("/", "-")
        scratch.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self.scratch) as home:
            shell = Shell(self.repo, environment(self.repo, Path(home)), scratch)
            ids: dict[str, str] = {}
            try:
                for block in found:
                    if self.declared(page, block.first, block.place):
                        continue
                    trouble = self.block(shell, block, ids)
                    self.result(block.place, block.first, trouble)
                    if isinstance(trouble, Broken):
                        self.line("skipped", page, "what comes after it")
                        break
                else:
                    if page == "events/README.md":
                        for name, trouble in samples.check(shell):
                            self.result(name, "make invoke", trouble)
            finally:
                try:
                    shell.end()
                except Failed as failed:
                    self.result(page, "Ctrl-C", str(failed))

    def block(self, shell: Shell, block: Block, ids: dict[str, str]) -> str | None:
        try:
            match block.info:
                case ["sh"] if not block.page.startswith(NEVER_RUN):
                    return commands(shell, block, ids)
                case ["text", "serve"]:
                    return served(shell, block, ids)
                case ["rust"]:
                    return code.rust(self.repo, block)
                case ["hcl"]:
                    return code.hcl(self.repo, block)
        except Failed as failed:
            return Broken(failed)
        return "neither run nor declared: say what it is after its fence (sh, text, …), or declare it in tests/docs/suite/declared.py"

    def help(self) -> None:
        scratch = self.scratch / "help"
        scratch.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=self.scratch) as home:
            env = environment(self.repo, Path(home))
            for place, example, trouble in examples.check(self.repo, env, scratch, self.declared):
                self.result(place, example, trouble)


def main() -> int:
    repo, scratch, wanted = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    # The end of the suite ends all that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    loopback_up()
    for port in (9000, 9001, 4566):
        with socket.socket() as taken:
            if taken.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"error: something listens on 127.0.0.1:{port}; end it, since the pages name this port")
    SNAPSHOT.unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    suite, started = Suite(repo, scratch), time.monotonic()
    all_pages = [*pages(repo), "--help"]
    for page in wanted or all_pages:
        if page not in all_pages:
            sys.exit(f"error: there is no page {page}; these are: {' '.join(all_pages)}")
        suite.help() if page == "--help" else suite.page(page)
    for page, first in sorted(set(NOT_RUN) - suite.used) if not wanted else []:
        suite.result(page, first, "declared in tests/docs/suite/declared.py, and no block begins so")
    print(f"{suite.failures} failed, {time.monotonic() - started:.0f} s")
    return min(suite.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
