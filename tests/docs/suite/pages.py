"""Pages and their fenced blocks."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")


@dataclass
class Block:
    page: str
    line: int
    # The words after the fence: the language first.
    info: list[str]
    text: str
    # The block right below it, which a reader takes for its output.
    shown: "Block | None" = None

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def first(self) -> str:
        return self.text.split("\n", 1)[0]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages(repo: Path) -> list[str]:
    """Every page of the repository, but for the changelog, which describes the past."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(listed, cwd=repo, check=True, capture_output=True, text=True)
    return [page for page in sorted(found.stdout.split()) if page != "CHANGELOG.md"]


def blocks(repo: Path, page: str) -> list[Block]:
    """The blocks of a page in order, each output with the commands it is shown under."""
    found: list[Block] = []
    block, indent, below = None, "", None
    for number, line in enumerate((repo / page).read_text().split("\n"), 1):
        fence = FENCE.match(line)
        if block is None and fence:
            block, indent = Block(page, number, fence["info"].split(), ""), fence["indent"]
        elif block is None:
            # Anything but blank lines parts an output from its commands.
            below = below if not line.strip() else None
        elif fence and not fence["info"]:
            block.text = block.text.removesuffix("\n")
            if below is not None and block.info in (["text"], ["json"], ["http"]):
                below.shown, below = block, None
            else:
                found.append(block)
                below = block if block.language == "sh" else None
            block = None
        else:
            block.text += line.removeprefix(indent) + "\n"
    if block is not None:
        raise SystemExit(f"{block.place}: a block that does not end")
    return found
