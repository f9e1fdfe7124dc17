"""The targets of a page: files of the repository, and targets of the Makefile."""

import re
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.M)


def check(repo: Path, pages: list[str]) -> Iterator[tuple[str, str | None]]:
    targets = set(re.findall(r"^([a-z-]+):", (repo / "Makefile").read_text(), re.M))
    for page in pages:
        text = (repo / page).read_text()
        missing = [link for link in LINK.findall(text) if not (repo / page).parent.joinpath(link).exists()]
        missing += [f"make {name}" for name in MAKE.findall(text) if name not in targets]
        yield page, f"is not there: {', '.join(missing)}" if missing else None
