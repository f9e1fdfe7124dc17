"""Blocks that are not commands: code, held against what compiles, parses or is declared."""

import re
import subprocess
from pathlib import Path

from pages import Block

# The worked application: what a page shows of it stands between these two lines, in a file that is compiled and tested.
APPLICATION = Path("crates/orders/src")
BEGIN, END = "// [readme]\n", "// [/readme]\n"


def marked(repo: Path) -> dict[Path, str]:
    """Returns the marked code of each file that has some."""
    found = {}
    for path in sorted((repo / APPLICATION).rglob("*.rs")):
        _, begin, rest = path.read_text().partition(BEGIN)
        code, end, _ = rest.partition(END)
        if begin and not end:
            raise SystemExit(f"{path}: {BEGIN.strip()} has no {END.strip()}")
        if begin:
            found[path.relative_to(repo)] = code
    return found


def rust(repo: Path, block: Block) -> str | None:
    """Holds a block against the marked code of the worked application."""
    found = marked(repo)
    if block.text + "\n" in found.values():
        return None
    return f"differs from the marked code of {', '.join(map(str, found))}, which is compiled and tested: change both"


def hcl(repo: Path, block: Block) -> str | None:
    """It parses, and names variables that the root has."""
    parsed = subprocess.run(["terraform", "fmt", "-"], input=block.text + "\n", capture_output=True, text=True)
    if parsed.returncode:
        return parsed.stderr
    declared = re.findall(r'^variable "(\w+)"', (repo / "terraform/variables.tf").read_text(), re.M)
    unknown = [name for name in re.findall(r"^(\w+) *=", block.text, re.M) if name not in declared]
    return f"terraform/variables.tf has no variable {', '.join(unknown)}" if unknown else None
