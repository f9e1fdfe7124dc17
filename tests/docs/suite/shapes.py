"""Shown output against real output.

A shown line is the real line, but that ids, times and ports of the moment only have their shape, and that `…` stands for
anything within a line, or alone for any number of lines. An id that a page shows stands for one real id all over the page:
what a reader would copy from his own terminal is put into the commands that show it.
"""

import re

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SHAPES = [
    (ID, ID.pattern),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d{3}"), r"\d\d:\d\d:\d\d\.\d{3}"),
    (re.compile(r"\d+(\.\d+)? (ms|us|s)\b"), r"\d+(?:\.\d+)? (?:ms|us|s)\b"),
    # A port that the system chose.
    (re.compile(r"(?<=127\.0\.0\.1:)(3[3-9]|4[0-9]|5[0-9]|6[0-5])\d{3}\b"), r"\d{5}"),
    (re.compile("…"), ".*?"),
]
ANY = "…"


def pattern(line: str, ids: dict[str, str], names: dict[str, str]) -> str:
    """The pattern of one shown line. `ids` are known by now; a new id gets a group, and its name goes into `names`."""
    out, at = "", 0
    while at < len(line):
        hits = [(hit, shape) for find, shape in SHAPES if (hit := find.search(line, at))]
        if not hits:
            break
        hit, shape = min(hits, key=lambda found: (found[0].start(), -found[0].end()))
        out += re.escape(line[at : hit.start()])
        text, at = hit[0], hit.end()
        if shape != ID.pattern:
            out += f"(?:{shape})"
        elif text in ids:
            out += re.escape(ids[text])
        elif text in names:
            out += f"(?P={names[text]})"
        else:
            names[text] = f"id{len(names)}"
            out += f"(?P<{names[text]}>{shape})"
    return out + re.escape(line[at:])


def match(shown: str, real: str, ids: dict[str, str], start_anywhere: bool = False) -> str | None:
    """Holds `real` against `shown`: what is wrong, or None. New ids go into `ids`."""
    names: dict[str, str] = {}
    lines = [line.rstrip() for line in shown.split("\n")]
    text = "".join(line.rstrip() + "\n" for line in real.rstrip("\n").split("\n"))
    any_lines = r"(?:.*\n)*?"
    whole = any_lines if start_anywhere else ""
    furthest = 0
    for number, line in enumerate(lines, 1):
        whole += any_lines if line == ANY else pattern(line, ids, names) + "\n"
        if re.match(whole, text):
            furthest = number
    whole += any_lines if start_anywhere else ""
    if hit := re.fullmatch(whole, text):
        ids.update({shown_id: hit[name] for shown_id, name in names.items()})
        return None
    wanted = lines[furthest] if furthest < len(lines) else "the end"
    return f"line {furthest + 1} of what is shown does not come: {wanted}"


def put_in(commands: str, ids: dict[str, str]) -> str:
    """The commands with the ids that this run has in place of the shown ones."""
    for shown, real in ids.items():
        commands = commands.replace(shown, real)
    return commands


def spoilt(shown: str) -> str | None:
    """Returns the shown text with one letter changed that no shape covers: it must not match any more."""
    lines = shown.split("\n")
    for at, line in enumerate(lines):
        bare = line
        for find, _ in SHAPES:
            bare = find.sub(lambda hit: "\0" * len(hit[0]), bare)
        if hit := re.search(r"[A-Za-z]", bare):
            letter = "x" if hit[0] != "x" else "y"
            return "\n".join([*lines[:at], line[: hit.start()] + letter + line[hit.end() :], *lines[at + 1 :]])
    return None
