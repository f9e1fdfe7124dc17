"""The repository: its files, folders, packages and the symbols that its files define."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath as Path

BRACES = re.compile(r"\{([^{}]*)\}")
SYMBOL = re.compile(r"[A-Za-z_]\w*(?:(?:::|\.)[A-Za-z_][\w-]*)*")


def expand(path: str) -> list[str]:
    """Returns the paths that `a/{b,c}` stands for."""
    braces = BRACES.search(path)
    if braces is None:
        return [path]
    return [each for part in braces[1].split(",") for each in expand(path[: braces.start()] + part.strip() + path[braces.end() :])]


class Tree:
    def __init__(self, files: set[str], read: Callable[[str], str]) -> None:
        self.files, self.read = files, read
        self.folders = {str(folder) for file in files for folder in Path(file).parents}

    def has(self, path: str) -> bool:
        return path in self.files or path in self.folders

    def matches(self, path: str) -> bool:
        """Returns whether each path that a pattern stands for is there."""
        names = self.files | self.folders
        there = lambda one: self.has(one) or ("*" in one and any(fnmatchcase(name, one) for name in names))
        return all(there(one.rstrip("/")) for one in expand(path))

    def inside(self, folder: str) -> set[str]:
        """Returns the folders right inside a folder, without those of unit tests and sources."""
        holds = lambda each: any(not file.endswith("/tests.rs") for file in self.files if file.startswith(f"{each}/"))
        rooms = (each for each in self.folders if str(Path(each).parent) == folder and Path(each).name not in {"", "src"})
        return {each for each in rooms if holds(each)}

    @cached_property
    def manifests(self) -> dict[str, str]:
        """Returns the folder of each package of the workspace."""
        found = {}
        for file in self.files:
            if file.endswith("Cargo.toml") and (name := re.search(r'^name = "([^"]+)"', self.read(file), re.M)):
                found[name[1]] = str(Path(file).parent)
        return found

    @cached_property
    def targets(self) -> set[str]:
        """Returns the targets of the Makefile."""
        return set(re.findall(r"^([a-z-]+):", self.read("Makefile"), re.M))

    @cached_property
    def suites(self) -> set[str]:
        """Returns the names of the workspace's test programs."""
        programs = {Path(file).parent.name for file in self.files if re.search(r"tests/\w+/main\.rs$", file)}
        named = re.compile(r'^\[\[test\]\]\nname = "([^"]+)"', re.M)
        return programs.union(*(named.findall(self.read(f"{folder}/Cargo.toml")) for folder in self.manifests.values()))

    def module(self, name: str) -> list[str]:
        """Returns the files of the modules of this name."""
        file = re.compile(rf"(?:^|/)(?:src|tests)/(?:\w+/)*{name}(?:/mod)?\.rs$")
        return sorted(each for each in self.files if file.search(each))

    def defines(self, path: str, symbol: str) -> bool:
        """Returns whether a file defines a symbol: an item of Rust, a block of Terraform, a name of Python, a target of make."""
        text, last = self.read(path), re.split(r"::|\.", symbol)[-1]
        match Path(path).suffix:
            case ".rs":
                return all(re.search(pattern, text, re.M) for pattern in rust(symbol))
            case ".tf":
                return any(re.search(pattern, text, re.M) for pattern in terraform(symbol))
            case ".py":
                return re.search(rf"^\s*(?:def|class) {last}\b|^{last}\b.* = ", text, re.M) is not None
            case _:
                return re.search(rf"(?<![\w-]){re.escape(symbol)}(?![\w-])", text) is not None


def rust(symbol: str) -> list[str]:
    *owners, name = symbol.split("::")
    item = rf"\b(?:fn|struct|enum|trait|const|static|type|mod)\s+{name}\b"
    if not owners:
        return [item]
    owner = rf"\b(?:struct|enum|trait|type|mod)\s+{owners[-1]}\b|\bimpl\b[^{{;]*\b{owners[-1]}\b"
    return [owner, rf"{item}|^\s*{name}\b(?:[,({{]| \{{| = |$)"]


def terraform(symbol: str) -> list[str]:
    kind, _, name = symbol.rpartition(".")
    blocks = [rf'^(?:resource|data) "{kind}" "{name}"', rf'^{kind} "{name}"']
    return blocks if kind else [rf"^\s*{name}\s*=", rf'^\w+ "{name}"']
