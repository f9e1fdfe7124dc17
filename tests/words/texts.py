"""The texts that people read, taken out of files: paragraphs of comments, help, descriptions and pages."""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Help and errors that are strings: of clap and thiserror, and of Terraform.
RUST_STRING = re.compile(
    r'\b(?:about|long_about|help|long_help|after_help|before_help)\s*=\s*"((?:[^"\\]|\\.)*)"|#\[error\(\s*"((?:[^"\\]|\\.)*)"'
)
TERRAFORM_STRING = re.compile(r'^\s*(?:description|error_message)\s*=\s*"((?:[^"\\]|\\.)*)"', re.M)
# Code inside text, and addresses: their words are not prose.
CODE = re.compile(r"``.+?``|`[^`]*`")
LINK = re.compile(r"\]\([^)]*\)|<[^>]*>|https?://\S+|\[\[[^\]]*\]\]")
ITEM = re.compile(r"^(?:[-*+] |\d+\. |#+ |\| )")


@dataclass(frozen=True)
class Paragraph:
    # Number and text of each line.
    lines: tuple[tuple[int, str], ...]
    # False for a cell of a table, which is not a sentence.
    opens: bool = True

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.lines)

    def line_at(self, offset: int) -> int:
        for number, text in self.lines:
            if offset <= len(text):
                return number
            offset -= len(text) + 1
        return self.lines[-1][0]


def plain(text: str) -> str:
    """Takes code and addresses out of a text; a mark stays where the code was, so that it is not taken for an opening."""
    return LINK.sub("]", CODE.sub("`", text)).replace("**", "").replace("*", "").strip()


def paragraphs(lines: Iterable[tuple[int, str]]) -> Iterator[Paragraph]:
    """Cuts lines at blank ones and at list items. A gap in the numbers ends a paragraph, too."""
    block: list[tuple[int, str]] = []
    for number, line in lines:
        line = line.strip()
        item = ITEM.match(line)
        if block and (not line or item or number != block[-1][0] + 1):
            yield Paragraph(tuple(block))
            block = []
        text = plain(line[item.end() :] if item else line)
        if text:
            block.append((number, text))
        if block and line.startswith("#"):
            yield Paragraph(tuple(block))
            block = []
    if block:
        yield Paragraph(tuple(block))


def unfenced(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Leaves out fenced blocks of code."""
    fenced = False
    for number, line in lines:
        if line.strip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def numbered(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.split("\n"), 1))


def strings(pattern: re.Pattern, text: str) -> Iterator[Paragraph]:
    for match in pattern.finditer(text):
        said = next(group for group in match.groups() if group is not None)
        yield Paragraph(((text.count("\n", 0, match.start()) + 1, plain(re.sub(r"\\\n\s*", "", said).replace("\\n", " "))),))


def rust(text: str) -> Iterator[Paragraph]:
    comments = [(number, line.strip()) for number, line in numbered(text) if line.strip().startswith("//")]
    yield from paragraphs(unfenced((number, re.sub(r"^//[/!]*", "", line)) for number, line in comments))
    yield from strings(RUST_STRING, text)


def hashed(text: str) -> Iterator[Paragraph]:
    """Comments of shell, Terraform, TOML, YAML and Makefiles."""
    lines = numbered(text)
    comments = [(number, line.strip()) for number, line in lines if re.match(r"\s*#(?!!)", line)]
    yield from paragraphs((number, line.lstrip("#")) for number, line in comments)
    # The lines of `make help`.
    for number, line in lines:
        if match := re.match(r"[a-z-]+:.*?## (.+)", line):
            yield Paragraph(((number, plain(match[1])),))


def terraform(text: str) -> Iterator[Paragraph]:
    yield from hashed(text)
    yield from strings(TERRAFORM_STRING, text)


def yaml(text: str) -> Iterator[Paragraph]:
    """Comments, and the values of `description`, `summary` and `detail`, on one line or as a block below."""
    yield from hashed(text)
    block, deeper = [], None
    for number, line in numbered(text) + [(0, "end")]:
        indent = len(line) - len(line.lstrip())
        if deeper is not None and line.strip() and indent <= deeper:
            yield from paragraphs(block)
            block, deeper = [], None
        if deeper is not None:
            block.append((number, line))
        elif match := re.match(r"\s*(?:- )?(?:description|summary|detail): (.+)", line):
            if match[1][0] in "|>":
                deeper = indent
            else:
                yield Paragraph(((number, plain(match[1].strip("\"'"))),))


def python(text: str) -> Iterator[Paragraph]:
    comments, begins = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line.strip().startswith("#") and not token.string.startswith("#!"):
            comments.append((token.start[0], token.string.lstrip("#")))
        elif token.type == tokenize.STRING and begins:
            said = token.string.strip("rbuf").strip("\"'")
            yield from paragraphs(enumerate(said.split("\n"), token.start[0]))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    yield from paragraphs(comments)


def markdown(text: str) -> Iterator[Paragraph]:
    prose = []
    for number, line in unfenced(numbered(text)):
        if line.strip().startswith("|"):
            for cell in line.strip().strip("|").split("|"):
                if said := plain(cell):
                    yield Paragraph(((number, said),), opens=False)
            prose.append((number, ""))
        else:
            prose.append((number, line))
    yield from paragraphs(prose)


def reader(path: Path, text: str):
    """Returns the function that takes the texts out of a file, or None where the file has none to read."""
    by_name = {
        ".rs": rust,
        ".tf": terraform,
        ".toml": terraform,
        ".yaml": yaml,
        ".py": python,
        ".sh": hashed,
        ".md": markdown,
    }
    if path.name == "Makefile":
        return hashed
    if path.suffix in by_name:
        return by_name[path.suffix]
    first = text.split("\n", 1)[0]
    if not path.suffix and first.startswith("#!"):
        return python if "python" in first else hashed
    return None
