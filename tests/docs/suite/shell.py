"""A reader's terminal: one shell per page, and further terminals for programs that run until Ctrl-C."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

# Programs that run in a terminal of their own, and the output by which they are ready.
BACKGROUND = {
    "make serve": re.compile(r"^ready: ", re.M),
    "make watch": re.compile(r"starting Runtime server"),
}
READY_WITHIN = 180
BLOCK_WITHIN = 240
ENDS_WITHIN = 15


class Failed(Exception):
    """A block that did not do what is shown."""


def background(text: str) -> str | None:
    """The command of a block that runs until Ctrl-C, without its comment."""
    command = re.sub(r"\s+#.*", "", text).strip()
    return command if command in BACKGROUND else None


class Terminal:
    """A program that runs until Ctrl-C."""

    def __init__(self, command: str, ready: re.Pattern[str], log: Path, cwd: Path, env: dict[str, str]) -> None:
        self.command, self.log = command, log
        with log.open("wb") as output:
            # A group of its own: Ctrl-C in a terminal reaches make, cargo and the program alike.
            self.process = subprocess.Popen(
                ["bash", "-c", command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )
        until = time.monotonic() + READY_WITHIN
        while not ready.search(self.text()):
            if self.process.poll() is not None or time.monotonic() > until:
                self.end()
                raise Failed(f"{command} is not ready:\n{self.text()}")
            time.sleep(0.05)

    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.log.read_text(errors="replace"))

    def end(self) -> None:
        """Ctrl-C, as a reader ends it; it must end by itself then."""
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise Failed(f"{self.command} continues after Ctrl-C") from None


class Shell:
    """A shell that keeps its variables from block to block."""

    def __init__(self, cwd: Path, env: dict[str, str], scratch: Path) -> None:
        self.cwd, self.env, self.scratch = cwd, env, scratch
        self.terminals: list[Terminal] = []
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )
        self.blocks = 0

    def start(self, command: str, ready: re.Pattern[str] | None = None) -> Terminal:
        log = self.scratch / f"{len(self.terminals)}-{command.replace(' ', '-').replace('/', '-')[:40]}.log"
        terminal = Terminal(command, ready or BACKGROUND[command], log, self.cwd, self.env)
        self.terminals.append(terminal)
        return terminal

    def run(self, commands: str, within: float = BLOCK_WITHIN) -> str:
        """Runs a block; all that it wrote. Every command of it must end well."""
        self.blocks += 1
        block, output, ended = (self.scratch / f"block-{self.blocks}.{part}" for part in ("sh", "out", "rc"))
        block.write_text(commands + "\n")
        ended.unlink(missing_ok=True)
        assert self.process.stdin
        self.process.stdin.write(f"set -e; . '{block}' >'{output}' 2>&1 </dev/null; set +e; echo 0 >'{ended}'\n")
        self.process.stdin.flush()
        until = time.monotonic() + within
        while not (ended.exists() and ended.read_text().endswith("\n")):
            if self.process.poll() is not None:
                raise Failed(f"exit code {self.process.returncode}\n{output.read_text(errors='replace')}")
            if time.monotonic() > until:
                raise Failed(f"no end within {within} s\n{output.read_text(errors='replace')}")
            time.sleep(0.01)
        return output.read_text(errors="replace")

    def end(self) -> None:
        """Ends all that was started here, the last first."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        troubles = []
        for terminal in reversed(self.terminals):
            try:
                terminal.end()
            except Failed as failed:
                troubles.append(str(failed))
        if troubles:
            raise Failed("; ".join(troubles))
