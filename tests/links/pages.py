"""References in a page: links, anchors, and paths, packages and tests in code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^ *```(?P<info>.*)$")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# The text may begin on the line before.
LINK = re.compile(r"(?:\[(?P<text>[^\[\]]*))?\]\((?P<target>[^()\s]+)\)")
HEADING = re.compile(r"^(#+) +(.*?)\s*$")
OUTSIDE = re.compile(r"[a-z]+:")


@dataclass(frozen=True)
class Line:
    number: int
    text: str
    # The language of the fenced block that the line is in, or None.
    fence: str | None
    # The headings that the line is under, the outermost first.
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    line: Line
    target: str
    # The text of a link that is code and nothing else, or None.
    code: str | None


def lines(text: str) -> Iterator[Line]:
    fence, headings = None, {}
    for number, line in enumerate(text.split("\n"), 1):
        mark = FENCE.match(line)
        if mark:
            fence = None if fence is not None else mark["info"].strip()
            continue
        heading = HEADING.match(line) if fence is None else None
        if heading:
            level = len(heading[1])
            headings = {outer: name for outer, name in headings.items() if outer < level} | {level: heading[2]}
        yield Line(number, line, fence, tuple(headings.values()))


def links(page: list[Line]) -> Iterator[Link]:
    """Returns the links to files of the repository."""
    for line in page:
        if line.fence is not None:
            continue
        # A link that is quoted as code leads nowhere.
        text = CODE.sub(lambda code: code[0].replace("](", "  "), line.text)
        for found in LINK.finditer(text):
            target = found["target"]
            code = CODE.fullmatch((found["text"] or "").strip())
            if not OUTSIDE.match(target):
                yield Link(line, target, code[1] if code else None)


def code(page: list[Line]) -> Iterator[tuple[Line, str]]:
    """Returns code in the text, and the lines of fenced commands."""
    for line in page:
        if line.fence is None:
            yield from ((line, span[1]) for span in CODE.finditer(line.text))
        elif line.fence == "sh":
            yield line, line.text


def anchors(text: str) -> set[str]:
    """Returns the anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for line in lines(text):
        heading = HEADING.match(line.text) if line.fence is None else None
        if heading:
            plain = re.sub(r"\]\([^)]*\)", "", heading[2]).lower()
            name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            again = next((f"{name}-{count}" for count in range(1, 99) if f"{name}-{count}" not in found), name)
            found.add(again if name in found else name)
    return found
