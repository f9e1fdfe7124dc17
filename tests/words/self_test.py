"""Shows that the check can fail: each kind of file with one bad sentence, and the line where it must be found."""

from pathlib import Path

import names
from rules import find, self_test
from texts import reader

SAMPLES = {
    "a.rs": ('//! A fence.\n\n/// What is open.\nfn f() {\n    // A wait that is\n    // left alone.\n    let s = "// beside";\n}\n', [3, 6]),
    "help.rs": ('#[arg(help = "tells the rate")]\n#[error("the id is none")]\n#[error(\n    "whoever"\n)]\n', [1, 2, 3]),
    "fenced.rs": ("/// A run.\n/// ```\n/// // beside\n/// ```\n/// `beside` [x](beside)\n", []),
    "a.tf": ('# A role a cell.\nvariable "x" {\n  description = "Where it goes."\n}\n', [1, 3]),
    "a.py": ('"""Whoever comes."""\nx = "beside"\n\n\ndef f():\n    """How many."""\n    # Lies.\n    return "told"\n', [1, 6, 7]),
    "a.toml": ('# How it ships.\ndescription = "One role a cell"\nbeside = 1\n', [1, 2]),
    "a.yaml": ("a:\n  summary: What came\n  description: |\n    A page.\n\n    Where it is.\n  beside: 1\n  detail: 'Is told.'\n", [2, 6, 8]),
    "a.sh": ("#!/bin/sh\n# Where it is.\necho beside\n", [2]),
    "Makefile": ("test: ## Run whatever is there\n\techo told\n", [1]),
    "a.md": ("# How sure?\n\n# What is where\n\n- Who calls\n\n```sh\nbeside\n```\n\n| what | beside |\n", [3, 5, 11]),
    "clean.md": ("# Words\n\nA page that says `beside`.\n\n1. Reads it.\n", []),
}


def findings(path: Path, text: str) -> list[tuple[int, str, str, str]]:
    """Returns line, phrase, rule and better word for each place of a file that breaks a rule."""
    named = list(names.old_names(text)) if path.suffix == ".rs" else []
    read = reader(path, text)
    if read is None:
        return []
    found = [
        (paragraph.line_at(offset), phrase, rule.name, rule.better)
        for paragraph in read(text)
        for offset, phrase, rule in find(paragraph.text, paragraph.opens)
    ]
    return sorted(found + named)


def run() -> list[str]:
    """Returns each sample that the check judges wrongly."""
    wrong = self_test() + names.self_test()
    for name, (text, lines) in SAMPLES.items():
        found = [line for line, *_ in findings(Path(name), text)]
        if found != lines:
            wrong.append(f"{name}: expected findings at lines {lines}, found {found}")
    return wrong
