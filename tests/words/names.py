"""Old names that may not come back as identifiers of Rust code, each with the name to use.

A name of one word is found wherever an identifier has it as a part: `answer` in `an_answer_that_hangs` and `AnswerLimit`.
A name behind `=` is found only where it is the whole identifier, since it is an ordinary word or a part of other names.
Comments and strings are prose, or names that are stored or sent: neither is read here.
"""

import re
from collections.abc import Iterator

OLD = {
    "ageing": "refresh_due",
    "ambient": "Clock, Entropy",
    "answer": "response",
    "answered": "responded",
    "answering": "responding",
    "answers": "responses, responds",
    "census": "final_state",
    "courier": "store",
    "estate": "Deployment",
    "gave_up": "dead_lettered, discarded",
    "give_up": "dead_letter, discard",
    "given_up": "dead_lettered, discarded",
    "gives_up": "dead_letters, discards",
    "intake": "ingest",
    "judge": "oracle, check",
    "judged": "checked",
    "judges": "checks",
    "left_alone": "skipped, circuit_open",
    "list_stretch": "LIST_SCAN_LIMIT",
    "mishap": "fault",
    "mood": "behaviour",
    "moods": "behaviours",
    "moody": "FlakyProcessor",
    "naive": "buggy_consumer",
    "quiet_since": "idle_since",
    "quick_sig_v4": "say what it does",
    "refresh_beside": "refresh_in_background",
    "rehearsal": "priming",
    "survey": "scan",
    "take_in": "insert_stale",
    "unfit": "rejected",
    "is_wished": "CancellationToken",
    "=Behind": "Blocked",
    "=BREAKER_FIRST": "BREAKER_COOLDOWN_MIN",
    "=BREAKER_LONGEST": "BREAKER_COOLDOWN_MAX",
    "=Ending": "Completion",
    "=Ledger": "Committer",
    "=Left": "SkipReason",
    "=Letters": "DeadLetters",
    "=PACE": "INTERVAL, RATE_LIMIT",
    "=Passing": "Transient",
    "=Quiet": "say what it does",
    "=Stop": "CancellationToken",
    "=Turn": "Permit",
    "=ending": "completion",
    "=flight": "singleflight",
    "=letters": "dead_letters, dlq",
    "=pace": "interval, rate_limit",
    "=play": "run",
    "=turn": "permit, round",
}
# Names that hold an old one and stay: what is stored or sent, and the words of AWS.
KEPT = {
    # The reason of a dead letter, stored as `stream-gave-up`.
    "StreamGaveUp",
}
COMMENT = r"//[^\n]*|/\*.*?\*/"
STRING = r'b?r(?P<hashes>#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"'
CHARACTER = r"b?'(?:\\[^']+|[^'\\])'"
TOKEN = re.compile(rf"{COMMENT}|{STRING}|{CHARACTER}|(?P<name>\b[A-Za-z_]\w*)", re.S)
PARTS = {name: re.compile(rf"(?:^|_){name}(?:_|$)") for name in OLD if not name.startswith("=")}

# Each kind of place with an old name, and the lines where it must be found.
SAMPLES = (
    ("let answer = 1;\n", [1]),
    ("fn a() {}\nfn an_answer_that_hangs() {}\n", [2]),
    ("struct AnswerLimit(usize);\nconst MAX_ANSWER: usize = 1;\nconst PACE: u8 = 2;\n", [1, 2, 3]),
    ("fn letters() {}\nfn dead_letters() {}\nfn letters_text() {}\n", [1]),
    ('// The answer to\nlet s = "answer"; /* mood\nmood */ let mood = r#"a "mood" b"#;\n', [3]),
    ("let c = '\"'; let answers = 'a'; fn f<'a>(mood: &'a str) {}\n", [1, 1]),
    ("Reason::StreamGaveUp => gave_up(),\n", [1]),
    ("let refreshed = answerable(unfitting);\n", []),
)


def snake(name: str) -> str:
    """Returns a name of Rust in lower case, with its words parted."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def better(name: str) -> str | None:
    """Returns the name to use in place of an old one."""
    if name in KEPT:
        return None
    if f"={name}" in OLD:
        return OLD[f"={name}"]
    words = snake(name)
    return next((OLD[old] for old, pattern in PARTS.items() if pattern.search(words)), None)


def old_names(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Returns line, name, rule and better name for each old name in the code of a Rust file."""
    for match in TOKEN.finditer(text):
        name = match["name"]
        if name and (use := better(name)):
            yield text.count("\n", 0, match.start()) + 1, name, "name", use


def self_test() -> list[str]:
    """Returns the samples in which the check finds other lines than it must."""
    found = [(text, lines, [line for line, *_ in old_names(text)]) for text, lines in SAMPLES]
    return [f"names: expected findings at lines {lines}, found {lines_found}: {text}" for text, lines, lines_found in found if lines != lines_found]
