"""Blocks that are not commands: code, held against what compiles, parses or is declared."""

import re
import subprocess
from pathlib import Path

from pages import Block

# The processor of the README: compiled and run by a test of this crate, under the names it uses.
EXAMPLE = Path("crates/consumer/tests/readme/stock.rs")
LOGIC = Path("crates/consumer/src/lib.rs")


def rust(repo: Path, block: Block) -> str | None:
    """The first line of a file, or the whole of the one that a test compiles and runs."""
    if block.text.startswith("#[path"):
        # The lines that a reader changes are there, and nothing but the file's name differs.
        here = re.search(r'#\[path = "\w+\.rs"\]\nmod logic;', (repo / LOGIC).read_text())
        same = here and re.sub(r'"\w+\.rs"', "", here[0]) == re.sub(r'"\w+\.rs"', "", block.text)
        return None if same else f"{LOGIC} has no such lines"
    if block.text + "\n" != (repo / EXAMPLE).read_text():
        return f"differs from {EXAMPLE}, which is compiled and run: change both"
    return None


def hcl(repo: Path, block: Block) -> str | None:
    """It parses, and names variables that the root has."""
    parsed = subprocess.run(["terraform", "fmt", "-"], input=block.text + "\n", capture_output=True, text=True)
    if parsed.returncode:
        return parsed.stderr
    declared = re.findall(r'^variable "(\w+)"', (repo / "terraform/variables.tf").read_text(), re.M)
    unknown = [name for name in re.findall(r"^(\w+) *=", block.text, re.M) if name not in declared]
    return f"terraform/variables.tf has no variable {', '.join(unknown)}" if unknown else None
