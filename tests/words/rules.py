"""The rules of words, each with sentences that it must find and sentences that it must leave."""

import re
from dataclasses import dataclass

TIME = "second|minute|hour|day|week|month|year"
UNIT = (
    "call|cell|environment|event|function|invoke|item|kind|message|page|partition|process|region|request|round|seed|shard|tenant"
)
NUMBER = "once|twice|one|two|three|four|five|six|seven|eight|nine|ten"
# Verbs that a time follows as their object: "takes a second" is not a rate.
LASTS = (
    "makes|sends|starts|takes|lasts|needs|waits|has|is|was|as|this|leaves|costs|means|gets|gives|adds|allows|its|misses|plus|times|us"
)
# Words that part a count from the unit behind it: "one read of a request" is not a rate.
PARTS = "of|in|to|for|by|with|from|as|is|that|and|or|than|on|at|a|an|into|per|behind|after|before|when|where|while|was|has|if|under|about"


@dataclass(frozen=True)
class Rule:
    name: str
    pattern: re.Pattern
    better: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    # At the beginning of a paragraph only.
    opening: bool = False


def rule(name: str, pattern: str, better: str, bad: tuple, good: tuple, opening: bool = False, flags: int = re.I) -> Rule:
    return Rule(name, re.compile(pattern, flags), better, bad, good, opening)


RULES = (
    rule(
        "opening",
        r"(What|Who|Where|How|Whether|Whose)\b(?!.*\?$)",
        "begin with a noun or a verb: A ..., Returns ..., Reads ...",
        bad=("What the cells gave back.", "Whether a fence is open.", "How many retries are left."),
        good=("A fence that is open.", "Returns how many retries are left.", "How sure is the router?"),
        opening=True,
        flags=0,
    ),
    rule(
        "per",
        rf"(?:\b(?!(?:{LASTS})\b)(?:\w+s|{NUMBER}|\d[\d,.]*(?: \w+)?) an? (?:{TIME})\b"
        rf"|\b(?:{NUMBER}|\d[\d,.]*)(?: (?!(?:{PARTS})\b)[\w-]+){{0,2}} an? (?:{UNIT})\b"
        rf"|\ban? (?!(?:{PARTS})\b)[\w-]+ an? (?:{UNIT})\b"
        rf"|\b(?:flight|invokes|kind|\w*seconds|quotas|retries|starts|subjects|times|tries|units) an? (?:{UNIT})\b)",
        "per ...",
        bad=("100 events a second", "at most once a minute", "one call a request", "a breaker a cell", "two writes an item"),
        good=("100 events per second", "makes a second letter", "takes a second", "one read of a request", "a call to a cell"),
    ),
    rule(
        "no",
        r"(?<!there )\b(?:is|are|was|were|be) (?:none\b(?! of)|no (?!longer|one\b|more|less|matter|\w+ than\b))",
        "is not a ..., is invalid, is missing",
        bad=("the header is none", "text that is no number", "Keys that are no keys."),
        good=("there is none", "aud is none of these", "is no shorter than", "is no longer fresh", "There is no default cell."),
    ),
    rule(
        "see-the-module",
        r"\bsee the module",
        "say it here, or link to the item",
        bad=("See the module.",),
        good=("See `Fence::close`.",),
    ),
    rule(
        "lies",
        r"\b(?:lies|lie|lay|lain)\b",
        "is stored, is queued, is",
        bad=("a letter that lies in its queue",),
        good=("a letter that is stored in its queue",),
    ),
    rule(
        "left-alone",
        r"\b(?:left|leaves?|leaving)(?: \w+){0,3} alone\b",
        "is skipped, does not call, stays as it is",
        bad=("the cell is left alone", "leaves that cell alone"),
        good=("the cell is skipped", "each event alone"),
    ),
    rule(
        "given-up",
        r"\b(?:given|gives?|gave|giving)(?: \w+){0,2} up\b",
        "is dropped, is dead-lettered, is abandoned",
        bad=("an event that was given up", "gives it up"),
        good=("an event that was dead-lettered",),
    ),
    rule(
        "beside",
        r"\bbeside\b",
        "alongside, next to, in the background",
        bad=("refreshed beside the write",),
        good=("refreshed alongside the write", "besides"),
    ),
    rule(
        "tells",
        r"\b(?:tells?|told|telling)\b",
        "reports, returns, says",
        bad=("the answer tells which", "is told of"),
        good=("the response reports which",),
    ),
    rule(
        "whoever",
        r"\b(?:whoever|whatever|whomever)\b",
        "name the subject: the caller, any ...",
        bad=("whoever comes second", "whatever happens"),
        good=("the second caller", "in any case"),
    ),
)


def find(text: str, opens: bool) -> list[tuple[int, str, Rule]]:
    """Returns where a text breaks a rule: the offset, the phrase and the rule."""
    found = []
    for each in RULES:
        if each.opening:
            match = each.pattern.match(text) if opens else None
            found += [(0, match[1], each)] if match else []
        else:
            found += [(match.start(), match[0].strip(), each) for match in each.pattern.finditer(text)]
    return sorted(found, key=lambda one: one[0])


def self_test() -> list[str]:
    """Returns the samples for which a rule is wrong."""
    wrong = []
    for each in RULES:
        names = lambda sample: [found.name for _, _, found in find(sample, opens=True)]
        wrong += [f"{each.name} does not find: {sample}" for sample in each.bad if each.name not in names(sample)]
        wrong += [f"{each.name} finds: {sample}" for sample in each.good if each.name in names(sample)]
    return wrong
