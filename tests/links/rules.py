"""The rules for references. Each yields findings: a line's number and the fault."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath as Path
from posixpath import normpath

from pages import Line, Link, anchors, code, lines, links
from tree import SYMBOL, Tree

Found = Iterator[tuple[int, str]]

PATH = re.compile(r"[\w.{},*-]+(?:/[\w.{},* -]+)+/?|[\w-]+\.rs")
# A test, as its suite names it; `*` and `…` stand for the rest of a name.
TEST = re.compile(r"([a-z]\w*)::([a-z_]\w*)?(\*|_?…)?")
MAKE = re.compile(r"make ([a-z][a-z-]*)")
FLAG = re.compile(r"(?:^| )(-p|--test) ([\w-]+)")

# Sections that must name each folder right inside of these.
ROOMS = {
    ("README.md", "Layout"): ("crates",),
    ("docs/ARCHITECTURE.md", "The tree"): ("crates", "crates/router/src", "crates/cellctl/src", "terraform/modules", "tests"),
}
# The index of ARCHITECTURE.md: each row names a symbol in its file, and these questions have a row.
INDEX = ("docs/ARCHITECTURE.md", "Where is ...?")
ASKED = ("fence decided", "dead letter", "lease's age", "batch cut", "cell's alarm")


def resolve(page: str, target: str) -> str:
    return normpath(str(Path(page).parent / target)) if target else page


def link(tree: Tree, page: str, one: Link) -> Found:
    target, _, anchor = one.target.partition("#")
    path, number = resolve(page, target), one.line.number
    if not tree.has(path):
        yield number, f"{one.target}: there is no {path}"
    elif anchor and not path.endswith(".md"):
        yield number, f"{one.target}: a line's number goes stale; name the symbol in the link's text"
    elif anchor and anchor not in anchors(tree.read(path)):
        yield number, f"{one.target}: {path} has no such heading"
    elif one.code is not None:
        yield from link_text(tree, path, one)


def link_text(tree: Tree, path: str, one: Link) -> Found:
    text, number = one.code or "", one.line.number
    if PATH.fullmatch(text) or text.endswith("/"):
        if f"/{text.strip('/')}/" not in f"/{path}/":
            yield number, f"{text}: the link leads to {path}"
    elif symbol_of(path, text) and path in tree.files and not tree.defines(path, text):
        yield number, f"{text}: {path} does not define it"


def symbol_of(path: str, text: str) -> bool:
    return SYMBOL.fullmatch(text) is not None and not path.endswith((".md", ".yaml", ".json"))


def paths(tree: Tree, page: str, line: Line, text: str) -> Found:
    """Finds paths in code: those whose first part is there, from the root or from the page."""
    for word in PATH.findall(text) if " " not in text else re.split(r"[\s=\"'@,;()]+", text):
        first, slash, _ = word.partition("/")
        if first == "..":
            continue
        if not slash:
            known = not word.endswith(".rs") or any(file.endswith(f"/{word}") for file in tree.files)
            if PATH.fullmatch(word) and not known:
                yield line.number, f"{word}: no file has this name"
            continue
        roots = [root for root in dict.fromkeys((".", str(Path(page).parent))) if tree.has(normpath(f"{root}/{first}"))]
        if roots and PATH.fullmatch(word) and not any(tree.matches(normpath(f"{root}/{word}")) for root in roots):
            yield line.number, f"{word}: there is no such path"


def names(tree: Tree, line: Line, text: str) -> Found:
    """Finds targets, packages, suites and tests in code."""
    if (make := MAKE.match(text)) and make[1] not in tree.targets:
        yield line.number, f"make {make[1]}: the Makefile has no target of this name"
    for flag, name in FLAG.findall(text):
        known = tree.manifests if flag == "-p" else tree.suites
        if name not in known:
            yield line.number, f"{flag} {name}: the workspace has none of this name"
    for module, item, rest in (match.groups() for match in [TEST.fullmatch(text)] if match):
        package = tree.manifests.get(module.replace("_", "-"))
        files = [f"{package}/src/lib.rs"] if package else tree.module(module)
        defined = rf"\b{item or ''}{'' if rest else chr(92) + 'b'}"
        pattern = defined if package else rf"\bfn {defined[2:]}"
        if not any(re.search(pattern, tree.read(file)) for file in files if file in tree.files):
            yield line.number, f"{text}: no crate and no module {module} has a function of this name"


def rooms(tree: Tree, page: str, text: list[Line]) -> Found:
    for section, folders in ((section, folders) for (where, section), folders in ROOMS.items() if where == page):
        here = [line for line in text if section in line.sections]
        named = {each.strip("/") for line in here for each in re.findall(r"`([\w./-]+)`", line.text)}
        number = here[0].number if here else 1
        for folder in sorted(room for each in folders for room in tree.inside(each)):
            if folder not in named:
                yield number, f"the section '{section}' does not name {folder}"


def index(tree: Tree, page: str, text: list[Line], found: list[Link]) -> Found:
    if page != INDEX[0]:
        return
    rows = [line for line in text if INDEX[1] in line.sections and line.text.startswith("| ") and not line.text.startswith("| ---")]
    symbols = {one.line.number for one in found if one.code and symbol_of(resolve(page, one.target), one.code)}
    yield from ((row.number, "this row names no symbol in a file") for row in rows[1:] if row.number not in symbols)
    for question in ASKED:
        if not any(question in row.text for row in rows):
            yield 1, f"the section '{INDEX[1]}' does not answer: {question}"


def check(tree: Tree, page: str) -> list[tuple[int, str]]:
    """Returns the findings in a page, in order."""
    text = list(lines(tree.read(page)))
    found = list(links(text))
    findings = [each for one in found for each in link(tree, page, one)]
    for line, words in code(text):
        findings += [*paths(tree, page, line, words), *names(tree, line, words)]
    return sorted([*findings, *rooms(tree, page, text), *index(tree, page, text, found)])
