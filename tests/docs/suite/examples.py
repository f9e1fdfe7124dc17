"""The examples in every command's --help, run against a served stack."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from shell import Failed, Shell

PROGRAMS = ("cellctl", "cellstack-local")
LOCAL = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
# A letter for the examples to be about: a purge that finds none ends otherwise.
POISON = """
curl --fail -d '{"type":"invoice.paid","data":{"amount":"ninety-nine"}}' -H 'x-tenant-id: globex' 127.0.0.1:9000/v1/events
for _ in {1..50}; do cellctl dlq ls --cell beta | grep -q refused && break; sleep 0.1; done
"""
# Preparations of an example, by its beginning.
SETTINGS = {
    "cellctl dlq": POISON,
    "cellctl cells bootstrap delta": "cellstack-local cell ls | grep -q delta || cellstack-local cell add delta",
    "cellctl cells drain alpha --reason 'too old' --plan": "rm -f drain-alpha.json",
    "cellctl moves run drain-alpha.json": "rm -f drain-alpha.json; cellctl cells drain alpha --reason example --plan drain-alpha.json",
    "cellctl plan show drain-alpha.json": "rm -f drain-alpha.json; cellctl cells drain alpha --reason example --plan drain-alpha.json",
    "cellctl rebalance --max-share": "rm -f rebalance.json",
    "cellstack-local cell rm epsilon": "cellctl cells bootstrap epsilon; cellctl cells retire epsilon --reason example",
    "cellctl tenants place --from": "printf 'tenant,standby\\nwayne,none\\n' >tenants.csv",
}
READY = re.compile(r"^ready: ", re.M)

Found = tuple[str, str, str | None]


def check(repo: Path, env: dict[str, str], scratch: Path, declared: Callable[[str, str, str], bool]) -> Iterator[Found]:
    binaries = Path(env.get("CARGO_TARGET_DIR", repo / "target")) / "debug"
    env = {**env, "PATH": f"{binaries}:{env['PATH']}"}
    # Some examples write into their directory; the sample events are named from the top of the project.
    work = scratch / "work"
    work.mkdir()
    (work / "events").symlink_to(repo / "events")
    todo: list[tuple[str, str]] = []
    for program in PROGRAMS:
        for command in leaves(env, [program]):
            place, found = f"{' '.join(command)} --help", examples(said(env, command))
            if not found:
                yield place, "no example", "a command's --help ends with examples"
            todo += [(place, example) for example in found if not declared(place, example, place)]

    # A server takes the ports that the other examples want served.
    for place, example in todo:
        if serves(example):
            shell = Shell(work, env, scratch)
            yield place, example, attempt(lambda: shell.start(example, READY), shell.end)
    server = Shell(work, env, scratch)
    try:
        server.start("cellstack-local serve -q", READY)
        for place, example in todo:
            if not serves(example):
                setting = "".join(setting + "\n" for begin, setting in SETTINGS.items() if example.startswith(begin))
                # A shell of its own: one that fails takes its shell with it.
                shell = Shell(work, {**env, **LOCAL}, scratch)
                yield place, example, attempt(lambda: shell.run(setting + example), shell.end)
    finally:
        server.end()


def attempt(step: Callable[[], object], end: Callable[[], object]) -> str | None:
    try:
        try:
            step()
        finally:
            end()
    except Failed as failed:
        return str(failed)
    return None


def serves(example: str) -> bool:
    return "cellstack-local serve" in example


def said(env: dict[str, str], command: list[str]) -> str:
    return subprocess.run([*command, "--help"], env=env, check=True, capture_output=True, text=True).stdout


def leaves(env: dict[str, str], command: list[str]) -> Iterator[list[str]]:
    """The commands that have no commands below them."""
    below = re.search(r"^Commands:\n((?:  .*\n)+)", said(env, command), re.M)
    if not below:
        yield command
        return
    for name in re.findall(r"^  (\w[\w-]*)", below[1], re.M):
        if name != "help":
            yield from leaves(env, [*command, name])


def examples(text: str) -> list[str]:
    found = re.search(r"^Examples:\n((?:  .*\n?)+)", text, re.M)
    return [line.strip() for line in found[1].strip("\n").split("\n")] if found else []
