"""Laws of the line files: what is read, what is refused, and where the refusal points."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.lines import (
    AgentSpec,
    BargeInMode,
    Destination,
    Goodbye,
    Greeting,
    Instead,
    Line,
    Lines,
    LinesError,
    MustHear,
    Problem,
    Ring,
    SemanticVad,
    ServerVad,
    Sip,
    When,
    load_lines,
    route,
)
from gateway.lines.file_text import decode
from gateway.lines.hours import Hours
from gateway.lines.keys import CollectDigits
from gateway.lines.limits import NoInput
from gateway.lines.section import Section
from gateway.lines.session import Tracing, Transcription
from gateway.lines.yaml_source import read_source

ROOT = Path(__file__).parents[1]
README = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
HEAD = "line: a\nnumbers: +15550199\n"


def write(directory: Path, **files: str | bytes) -> Path:
    """Write line files, named by keyword, and return the configuration directory."""
    folder = directory / "config" / "lines"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    return directory / "config"


def load_one(directory: Path, content: str) -> Line:
    """Read the only line of a configuration."""
    (line,) = load_lines(write(directory, x=content))
    return line


def refusal(directory: Path, **files: str | bytes) -> tuple[Problem, ...]:
    """Return everything that is said against *files*."""
    with pytest.raises(LinesError) as caught:
        load_lines(write(directory, **files))
    return caught.value.problems


def answering(lines: Lines, *called: str) -> str | None:
    """The id of the line that answers a call to one of these numbers."""
    line = route(lines, Ring(called, "+15550100", datetime(2026, 11, 20, tzinfo=UTC))).line
    return line.line if line else None


def test_a_line_needs_only_an_id_and_a_number(tmp_path: Path) -> None:
    """
    Two keys make a line; everything else has a default that suits a phone.
    """
    line = load_one(tmp_path, HEAD)
    assert line.model_dump() == Line(line="a", numbers=("+15550199",)).model_dump()
    assert (line.backend, line.model, line.voice) == ("openai", "gpt-realtime", "marin")
    assert (line.greeting, line.instructions, line.url) == (None, "", None)
    assert line.turn_detection == ServerVad(silence_duration_ms=500, idle_timeout_ms=None)


def test_every_key_arrives(tmp_path: Path) -> None:
    """
    What the file says is what the line has, each value in the type of its key.
    """
    content = HEAD + (
        "backend: local\nurl: ws://127.0.0.1:9/v1\nmodel: 4\nvoice: 'no'\ngreeting: NO\n"
        "instructions: |\n  One.\n"
        "turn_detection: {type: server_vad, threshold: .25, prefix_padding_ms: 0, silence_duration_ms: 700,\n"
        "  idle_timeout_ms: 5000, create_response: false, interrupt_response: true}\n"
        "barge_in: immediate\nself_echo_guard: false\nmust_hear: []\ngoodbye: {text: Bye., wait_s: 2.5}\n"
    )
    line = load_one(tmp_path, content)
    assert (line.backend, line.url, line.model) == ("local", "ws://127.0.0.1:9/v1", "4")
    assert (line.voice, line.greeting, line.instructions) == ("no", Greeting(text="NO"), "One.\n")
    assert line.goodbye == Goodbye(text="Bye.", wait_s=2.5)
    assert line.turn_detection == ServerVad(
        threshold=0.25,
        prefix_padding_ms=0,
        silence_duration_ms=700,
        idle_timeout_ms=5000,
        create_response=False,
    )


def test_the_kind_of_turn_detection_is_chosen_by_type(tmp_path: Path) -> None:
    """
    `type` selects the keys that may follow.
    """
    line = load_one(tmp_path, HEAD + "turn_detection: {type: semantic_vad, eagerness: low}\n")
    assert line.turn_detection == SemanticVad(eagerness="low")


@pytest.mark.parametrize("text", ["null", "~", "", "Null"])
def test_null_is_the_absence_of_an_optional_value(tmp_path: Path, text: str) -> None:
    """
    A key that may be left out may also be left empty.
    """
    vad = f"turn_detection:\n  type: server_vad\n  idle_timeout_ms: {text}\n"
    line = load_one(tmp_path, f"{HEAD}greeting: {text}\ngoodbye: {text}\nurl: {text}\n{vad}")
    assert (line.greeting, line.goodbye, line.url, line.turn_detection) == (None, None, None, ServerVad())


def test_a_segment_may_be_its_text_alone(tmp_path: Path) -> None:
    """
    The short form of a greeting or a goodbye is the long form with one key.
    """
    line = load_one(tmp_path, HEAD + "greeting: Hello.\ngoodbye: 'off'\n")
    assert line == load_one(tmp_path, HEAD + "greeting: {text: Hello.}\ngoodbye: {text: 'off'}\n")
    assert (line.greeting, line.goodbye) == (Greeting(text="Hello."), Goodbye(text="off"))


def test_a_goodbye_may_leave_the_last_words_to_the_agent(tmp_path: Path) -> None:
    """
    The key alone lets the agent hang up; what it says before is its own affair.
    """
    assert load_one(tmp_path, HEAD + "goodbye: {}\n").goodbye == Goodbye(text=None, wait_s=10)


def test_what_must_be_heard_keeps_its_order(tmp_path: Path) -> None:
    """
    Segments are said as they are listed, and cannot be cut unless they say so.
    """
    content = HEAD + "must_hear:\n- {id: b, text: One.}\n- id: a\n  text: Two.\n  barge_in: confirmed\n"
    expected = (MustHear(id="b", text="One.", barge_in="off"), MustHear(id="a", text="Two.", barge_in="confirmed"))
    assert load_one(tmp_path, content).must_hear == expected


@pytest.mark.parametrize("written", ["off", '"off"', "immediate", "confirmed"])
def test_off_is_a_word(tmp_path: Path, written: str) -> None:
    """
    The three modes are text with quotes or without, wherever one is given; YAML's idea of `off` is not asked.
    """
    long = f"greeting: {{text: Hi., barge_in: {written}}}\nmust_hear: [{{id: a, text: Hi., barge_in: {written}}}]\n"
    line = load_one(tmp_path, f"{HEAD}barge_in: {written}\n{long}")
    modes = {line.barge_in, line.greeting and line.greeting.barge_in, line.must_hear[0].barge_in}
    assert modes == {written.strip('"')}


MODES = {
    "as the line says": ("Hi.", "confirmed", "confirmed"),
    "on a quiet line": ("Hi.", "off", "off"),
    "a mode of its own": ("{text: Hi., barge_in: immediate}", "off", "immediate"),
    "interruptible is no mode": ("{text: Hi., interruptible: true}", "off", "off"),
    "interruptible in its own mode": ("{text: Hi., interruptible: true, barge_in: confirmed}", "off", "confirmed"),
    "uninterruptible": ("{text: Hi., interruptible: false}", "immediate", "off"),
    "twice uninterruptible": ("{text: Hi., interruptible: false, barge_in: off}", "immediate", "off"),
}


@pytest.mark.parametrize(("greeting", "default", "mode"), MODES.values(), ids=MODES)
def test_a_greeting_goes_before_its_line(tmp_path: Path, greeting: str, default: BargeInMode, mode: str) -> None:
    """
    A greeting is cut as it says itself, and as its line says where it is silent.
    """
    line = load_one(tmp_path, f"{HEAD}greeting: {greeting}\nbarge_in: {default}\n")
    assert line.greeting
    assert line.greeting.mode(line.barge_in) == mode


ORDINARY = {
    "nothing": "",
    "the defaults": "barge_in: immediate\nself_echo_guard: false\nmust_hear: []\n",
    "a greeting": "greeting: Hi.\n",
    "a greeting in the same mode": "greeting: {text: Hi., barge_in: immediate, interruptible: true}\n",
    "a goodbye": "goodbye: Bye.\n",
}
TAKEN_OVER = {
    "confirmed": ("barge_in: confirmed\n", "`barge_in: confirmed`"),
    "off": ("barge_in: off\n", "`barge_in: off`"),
    "guarded": ("self_echo_guard: true\n", "`self_echo_guard: true`"),
    "must hear": ("must_hear: [{id: a, text: Hi., barge_in: immediate}]\n", "`must_hear`"),
    "uninterruptible": ("greeting: {text: Hi., interruptible: false}\n", "`greeting.interruptible: false`"),
    "off for the greeting": ("greeting: {text: Hi., barge_in: off}\n", "`greeting.barge_in: off`"),
    "confirmed for the greeting": (
        "greeting: {text: Hi., barge_in: confirmed}\n",
        "`greeting.barge_in: confirmed`",
    ),
}
SWITCHES = "turn_detection:\n  type: {kind}\n  interrupt_response: false\n  create_response: true\n"


@pytest.mark.parametrize("content", ORDINARY.values(), ids=ORDINARY)
def test_on_an_ordinary_line_the_server_takes_the_turns(tmp_path: Path, content: str) -> None:
    """
    A line that asks for nothing special leaves the turns to the server, and may set how it takes them.
    """
    line = load_one(tmp_path, HEAD + content + SWITCHES.format(kind="server_vad"))
    assert not line.takes_over_turns
    assert not line.turn_detection.interrupt_response


@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize(("content", "wish"), TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_who_takes_the_turns_is_said_once(tmp_path: Path, content: str, wish: str, kind: str) -> None:
    """
    A line that needs the gateway to take the turns cannot also tell the server how; each switch is blamed by name.
    """
    assert load_one(tmp_path, f"{HEAD}{content}turn_detection: {{type: {kind}}}\n").takes_over_turns
    problems = refusal(tmp_path, x=HEAD + SWITCHES.format(kind=kind) + content)
    assert [(problem.key, problem.position and problem.position.line) for problem in problems] == [
        ("turn_detection.interrupt_response", 5),
        ("turn_detection.create_response", 6),
    ]
    assert all(wish in problem.message and "the gateway cuts" in problem.message for problem in problems)


def test_a_line_is_a_value_that_knows_its_file(tmp_path: Path) -> None:
    """
    A line cannot be changed, and says where it was read; no key in the file can claim otherwise.
    """
    line = load_one(tmp_path, HEAD)
    assert line.source == tmp_path / "config" / "lines" / "x.yaml"
    assert Line(line="a", numbers=("*",)).source is None
    with pytest.raises(ValidationError, match="frozen"):
        line.voice = "cedar"
    assert refusal(tmp_path, x=HEAD + "source: /etc\n")[0].key == "source"


def test_the_named_number_goes_before_any_number(tmp_path: Path) -> None:
    """
    The line that names a number answers it; the line with a star answers the rest.
    """
    lines = load_lines(write(tmp_path, a="line: a\nnumbers: '*'\n", b="line: b\nnumbers: [+15550199, +4930]\n"))
    assert [line.line for line in lines] == ["a", "b"]
    assert len(lines) == 2
    found = [answering(lines, number) for number in ("+15550199", "+4930", "+15550198", "")]
    assert found == ["b", "b", "a", "a"]


def test_without_a_star_unknown_numbers_have_no_line() -> None:
    """
    A number that nobody claims is answered by nobody.
    """
    lines = Lines([Line(line="b", numbers=("+15550199",))])
    assert answering(lines, "+15550198") is None


BROKEN = {
    "unknown key": (HEAD + "greting: Hi\n", "3:1: greting: .*did you mean `greeting`"),
    "unknown key, nothing near": (HEAD + "zzz: 1\n", "3:1: zzz: .*known are line, numbers, provider"),
    "missing line": ("numbers: '*'\n", "1:1: line: is missing"),
    "missing numbers": ("\nline: a\n", "2:1: numbers: is missing"),
    "bad id": ("line: Front Desk\nnumbers: '*'\n", "1:7: line: `Front Desk` is not a line id; .*a-z"),
    "long id": (f"line: {'a' * 65}\nnumbers: '*'\n", "1:7: line: .*1 to 64"),
    "empty id": ("line: ''\nnumbers: '*'\n", "1:7: line: "),
    "octal number": (
        "line: a\nnumbers: [+15550199, 0456]\n",
        r"2:22: numbers\[1\]: `0456` is not a phone number",
    ),
    "NO number": ("line: a\nnumbers: NO\n", r"2:10: numbers: `NO` is not a phone number"),
    "spaced number": ("line: a\nnumbers: +1 555 0199\n", r"2:10: numbers: `\+1 555 0199` .*like \+15550199"),
    "long number": ("line: a\nnumbers: +1234567890123456\n", "2:10: numbers: "),
    "null number": ("line: a\nnumbers: [null]\n", r"2:11: numbers\[0\]: is empty"),
    "no numbers": ("line: a\nnumbers: []\n", "2:10: numbers: is an empty list"),
    "number mapping": ("line: a\nnumbers: {a: b}\n", "2:10: numbers: a mapping .*a list belongs"),
    "number twice": ("line: a\nnumbers: [+4930, +4930]\n", r"2:18: numbers\[1\]: `\+4930` is taken already"),
    "bare star": ("line: a\nnumbers: *\n", r'2:10: a \* without quotes .*write "\*"'),
    "star in list": ("line: a\nnumbers: [*]\n", r'2:11: a \* without quotes .*write "\*"'),
    "backend": (HEAD + "backend: opena\n", "3:10: backend: `opena` .*openai or local.*did you mean `openai`"),
    "url scheme": (HEAD + "url: ftp://x\n", "3:6: url: `ftp://x` .*wss://host, ws://host"),
    "url without host": (HEAD + "url: wss://\n", "3:6: url: "),
    "url port": (HEAD + "url: wss://x:99999\n", "3:6: url: "),
    "url with space": (HEAD + "url: wss://x/a b\n", "3:6: url: "),
    "url bracket": (HEAD + "url: 'wss://[x'\n", "3:6: url: "),
    "url fragment": (HEAD + "url: 'wss://x/#a'\n", "3:6: url: .*remove it"),
    "empty voice": (HEAD + "voice:\n", "3:7: voice: is empty"),
    "blank greeting": (HEAD + "greeting: '  '\n", "3:11: greeting: is empty"),
    "list as text": (HEAD + "instructions: [a]\n", "3:15: instructions: a list .*quotes"),
    "threshold": (
        HEAD + "turn_detection:\n  type: server_vad\n  threshold: 1.5\n",
        "5:14: .*threshold: 1.5 is more than 1; ",
    ),
    "negative": (HEAD + "turn_detection: {type: server_vad, threshold: -1}\n", "3:47: .*-1 is less than 0"),
    "nan": (HEAD + "turn_detection: {type: server_vad, threshold: .nan}\n", "3:47: .*`.nan` is not a number"),
    "fraction": (
        HEAD + "turn_detection: {type: server_vad, silence_duration_ms: 0.5}\n",
        "3:57: .*not a whole number",
    ),
    "quoted": (HEAD + "turn_detection: {type: server_vad, threshold: '0.5'}\n", "3:47: .*in quotes.*0 to 1"),
    "idle": (
        HEAD + "turn_detection: {type: server_vad, idle_timeout_ms: 400}\n",
        "3:53: .*less than 5000; .*30000",
    ),
    "yes": (
        HEAD + "turn_detection: {type: server_vad, create_response: yes}\n",
        "3:53: .*`yes` .*true or false",
    ),
    "quoted switch": (
        HEAD + "turn_detection: {type: server_vad, create_response: 'true'}\n",
        "3:53: .*without quotes",
    ),
    "server key": (
        HEAD + "turn_detection:\n  type: semantic_vad\n  threshold: 1\n",
        "5:3: turn_detection.threshold: is a key of server_vad, not of semantic_vad",
    ),
    "semantic key": (
        HEAD + "turn_detection:\n  type: server_vad\n  eagerness: low\n",
        "5:3: turn_detection.eagerness: is a key of semantic_vad, not of server_vad",
    ),
    "nested unknown": (
        HEAD + "turn_detection:\n  type: server_vad\n  treshold: 1\n",
        "5:3: turn_detection.treshold: .*did you mean `threshold`",
    ),
    "eagerness": (
        HEAD + "turn_detection: {type: semantic_vad, eagerness: max}\n",
        "3:49: .*low, medium, high or auto",
    ),
    "no type": (HEAD + "turn_detection:\n  threshold: 1\n", "4:3: turn_detection.type: is missing"),
    "wrong type": (
        HEAD + "turn_detection:\n  type: server\n",
        "4:9: turn_detection.type: `server` .*did you mean `server_vad`",
    ),
    "type is a list": (HEAD + "turn_detection:\n  type: [a]\n", "4:9: turn_detection.type: "),
    "vad is text": (HEAD + "turn_detection: server_vad\n", "3:17: turn_detection: .*key: value"),
    "greeting list": (HEAD + "greeting: [Hi]\n", "3:11: greeting: a list .*keys belong"),
    "greeting without text": (HEAD + "greeting: {interruptible: false}\n", "3:11: greeting.text: is missing"),
    "greeting with blank text": (HEAD + "greeting:\n  text: ''\n", "4:9: greeting.text: is empty"),
    "greeting key": (HEAD + "greeting:\n  text: Hi\n  interruptable: no\n", "5:3: .*did you mean `interruptible`"),
    "interruptible no": (
        HEAD + "greeting: {text: Hi, interruptible: no}\n",
        "3:37: greeting.interruptible: `no` .*true or false",
    ),
    "greeting cannot be cut and can": (
        HEAD + "greeting:\n  barge_in: confirmed\n  text: Hi\n  interruptible: false\n",
        "4:13: greeting.barge_in: `confirmed` contradicts `interruptible: false`; keep one",
    ),
    "greeting can be cut and cannot": (
        HEAD + "greeting: {text: Hi, interruptible: true, barge_in: off}\n",
        "3:53: greeting.barge_in: `off` contradicts `interruptible: true`; keep one",
    ),
    "barge_in no": (HEAD + "barge_in: no\n", "3:11: barge_in: `no` .*write immediate, confirmed or off"),
    "barge_in false": (HEAD + "barge_in: false\n", "3:11: barge_in: `false` .*write immediate, confirmed or off"),
    "barge_in On": (HEAD + "barge_in: On\n", "3:11: barge_in: `On` .*write immediate, confirmed or off"),
    "barge_in shouted": (HEAD + "barge_in: OFF\n", "3:11: barge_in: `OFF` .*did you mean `off`"),
    "barge_in null": (HEAD + "barge_in:\n", "3:10: barge_in: is empty"),
    "barge_in of a greeting": (
        HEAD + "greeting: {text: Hi, barge_in: no}\n",
        "3:32: greeting.barge_in: `no` .*write immediate, confirmed or off",
    ),
    "barge_in of a segment": (
        HEAD + "must_hear:\n- id: a\n  text: Hi\n  barge_in: none\n",
        r"6:13: must_hear\[0\].barge_in: `none` .*write immediate, confirmed or off",
    ),
    "guard on": (HEAD + "self_echo_guard: on\n", "3:18: self_echo_guard: `on` .*true or false"),
    "must hear text": (HEAD + "must_hear: Hi\n", "3:12: must_hear: `Hi` .*a list belongs.*begin each entry"),
    "must hear mapping": (HEAD + "must_hear: {id: a, text: Hi}\n", "3:12: must_hear: a mapping .*a list belongs"),
    "must hear null": (HEAD + "must_hear:\n", "3:11: must_hear: is empty"),
    "segment text": (HEAD + "must_hear:\n- Hi\n", r"4:3: must_hear\[0\]: `Hi` .*key: value"),
    "segment without id": (HEAD + "must_hear:\n- text: Hi\n", r"4:3: must_hear\[0\].id: is missing"),
    "segment without text": (HEAD + "must_hear:\n- id: a\n", r"4:3: must_hear\[0\].text: is missing"),
    "segment blank text": (HEAD + "must_hear: [{id: a, text: ' '}]\n", r"3:27: must_hear\[0\].text: is empty"),
    "segment id": (HEAD + "must_hear: [{id: A b, text: Hi}]\n", r"3:18: must_hear\[0\].id: `A b` is not a segment id"),
    "long segment id": (
        f"{HEAD}must_hear: [{{id: {'a' * 65}, text: Hi}}]\n",
        r"3:18: must_hear\[0\].id: .*1 to 64",
    ),
    "segment id twice": (
        HEAD + "must_hear:\n- {id: a, text: Hi}\n- {id: b, text: Hi}\n- {text: Ho, id: a}\n",
        r"6:18: must_hear\[2\].id: `a` is the id of an earlier segment",
    ),
    "reserved segment id": (
        HEAD + "must_hear: [{id: goodbye, text: Hi}]\n",
        r"3:18: must_hear\[0\].id: `goodbye` is the id of the line's own goodbye",
    ),
    "segment key": (
        HEAD + "must_hear:\n- {id: a, text: Hi}\n- {id: b, text: Hi, barge: off}\n",
        r"5:21: must_hear\[1\].barge: .*did you mean `barge_in`",
    ),
    "goodbye list": (HEAD + "goodbye: [Bye]\n", "3:10: goodbye: a list .*keys belong"),
    "blank goodbye": (HEAD + "goodbye: ''\n", "3:10: goodbye: is empty"),
    "goodbye key": (HEAD + "goodbye: {wait: 5}\n", "3:11: goodbye.wait: .*did you mean `wait_s`"),
    "short wait": (HEAD + "goodbye: {wait_s: 0.5}\n", "3:19: goodbye.wait_s: 0.5 is less than 1; .*from 1 to 60"),
    "long wait": (HEAD + "goodbye: {wait_s: 61}\n", "3:19: goodbye.wait_s: 61 is more than 60; "),
    "endless wait": (HEAD + "goodbye: {wait_s: null}\n", "3:19: goodbye.wait_s: is empty"),
    "empty": ("", "1:1: the file is empty"),
    "only comments": ("# soon\n", "1:1: the file is empty"),
    "text": ("hello\n", "1:1: `hello` .*key: value"),
    "list": ("- a\n", "1:1: a list .*key: value"),
    "duplicate": (HEAD + "voice: a\nvoice: b\n", "4:1: voice: is given twice, first on line 3"),
    "nested duplicate": (
        HEAD + "turn_detection:\n  type: a\n  type: a\n",
        "5:3: turn_detection.type: is given twice, first on line 4",
    ),
    "anchor": (HEAD + "voice: &v marin\n", "3:8: voice: anchors"),
    "alias": (HEAD + "model: *v\n", "3:8: model: aliases"),
    "merge": (HEAD + "<<: {voice: marin}\n", "3:1: merge keys"),
    "tag": (HEAD + "voice: !!str marin\n", "3:8: voice: tags"),
    "python tag": (HEAD + "voice: !!python/object/apply:os.system [ls]\n", "3:8: voice: tags"),
    "tag on root": ("!!map\n" + HEAD, "1:1: tags"),
    "list as key": (HEAD + "? [a]\n: b\n", "3:3: a key must be a word"),
    "two documents": (HEAD + "---\n" + HEAD, "3:1: a second document"),
    "deep": ("line: " + "[" * 40 + "]" * 40, "1:26: this is more than 20 levels deep"),
    "very deep": ("[" * 60_000, "1:21: this is more than 20 levels deep"),
    "deep blocks": ("- " * 5_000, "1:41: this is more than 20 levels deep"),
    "tab": (HEAD + "turn_detection:\n\ttype: server_vad\n", "4:1: a tab .*spaces"),
    "open quote": (HEAD + 'voice: "marin\n', "3:8: this quote is never closed"),
    "colon in text": (HEAD + "greeting: Note: we are closed\n", "3:15: a colon .*quotes"),
    "reserved character": (HEAD + "voice: @marin\n", "3:8: text cannot begin with @"),
    "open bracket": ("line: a\nnumbers: [+15550199\n", "3:1: this is not valid YAML"),
    "not UTF-8": (b"line: a\nvoice: \xe9t\xe9\n", "2:8: byte 0xe9 is not UTF-8"),
    "UTF-16": ("line: a\n".encode("utf-16"), "1:1: byte 0xff is not UTF-8"),
    "control character": (HEAD + "voice: a\x00b\n", r"3:9: control character U\+0000"),
    "too large": (HEAD + "instructions: " + "a" * 65_536, "1:1: is larger than 64 KiB"),
    "alias bomb": (
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
        "1:4: a: anchors",
    ),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_a_refusal_points_at_the_place_and_says_what_to_do(tmp_path: Path, content: str | bytes, said: str) -> None:
    """
    Whatever is wrong with a file is said with file, line, column and key, and with what to write.
    """
    file = tmp_path / "config" / "lines" / "x.yaml"
    assert re.match(f"{re.escape(str(file))}:{said}", str(refusal(tmp_path, x=content)[0]))


def test_all_problems_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    """
    Nobody has to start the gateway twice to learn of the second mistake.
    """
    problems = refusal(
        tmp_path,
        a="line: A\nvoice:\nzzz: 1\nnumbers: [1, 2]\n",
        b="line: [\n",
        c=HEAD + "voice: &v x\nmodel: *v\nmodel: !t y\n",
    )
    places = [(problem.file.stem, problem.position and problem.position.line) for problem in problems]
    assert places == [("a", n) for n in (1, 2, 3, 4, 4)] + [("b", 2)] + [("c", n) for n in (3, 4, 5, 5)]


def test_what_is_claimed_twice_is_refused_where_it_is_claimed_again(tmp_path: Path) -> None:
    """
    An id, a number and the star each belong to one line.
    """
    problems = refusal(tmp_path, a="line: a\nnumbers: [+4930, '*']\n", b="line: a\nnumbers:\n- '*'\n- +4930\n")
    first = tmp_path / "config" / "lines" / "a.yaml"
    assert [(problem.file.stem, problem.key) for problem in problems] == [
        ("b", "line"),
        ("b", "numbers[0]"),
        ("b", "numbers[1]"),
    ]
    assert all(f"{first}:" in problem.message for problem in problems)
    assert [problem.position and problem.position.line for problem in problems] == [1, 3, 4]


SECRETS = {
    "OpenAI key": "sk-proj-Abc123Def456Ghi789",
    "ephemeral key": "ek_68af296e8e408191a1120ab6383263c2",
    "bearer": "Bearer abcdef0123456789abcdef",
    "password": "wss://joe:hunter2secret@example.com",
    "key in a URL": "wss://example.com/?api-key=hunter2secret",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("where", ["url: {}", "instructions: |\n  Say {} to enter.", "{}: 1", "line: {}"])
def test_a_secret_is_refused_and_never_repeated(tmp_path: Path, secret: str, where: str) -> None:
    """
    A key in a file is refused with a hint to the environment, and the refusal is safe to show.
    """
    content = HEAD + where.format(f'"{secret}"' if ":" in where[:8] and "|" not in where else secret) + "\n"
    problems = refusal(tmp_path, x=content)
    assert "environment" in problems[0].message
    assert problems[0].position is not None
    assert secret not in "\n".join(map(str, problems))


def test_a_twilio_token_is_known_by_the_account_beside_it(tmp_path: Path) -> None:
    """
    Thirty-two hex digits are a secret next to an account SID, and harmless without.
    """
    token = "0123456789abcdef" * 2
    (problem,) = refusal(tmp_path, x=f"{HEAD}instructions: AC{token[::-1]} {token}\n")
    assert "Twilio" in problem.message
    assert token not in str(problem)
    assert token in load_one(tmp_path, f"{HEAD}instructions: {token}\n").instructions


@pytest.mark.parametrize("prose", ["Be task-oriented.", "The bearer of this voucher.", "Ask for risk-averse"])
def test_prose_is_no_secret(tmp_path: Path, prose: str) -> None:
    """
    Instructions may use the words that secrets are made of.
    """
    assert load_one(tmp_path, f"{HEAD}instructions: {prose}\n").instructions == prose


def test_a_folder_without_lines_is_refused(tmp_path: Path) -> None:
    """
    A gateway that could answer no call does not start.
    """
    with pytest.raises(LinesError, match=r"lines: cannot be listed: .*GATEWAY_CONFIG"):
        load_lines(tmp_path)
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / ".x.yaml").write_text("an editor's leftover", encoding="utf-8")
    with pytest.raises(LinesError, match=r"no \*\.yaml file"):
        load_lines(tmp_path)


def test_a_file_that_would_be_overlooked_is_named(tmp_path: Path) -> None:
    """
    `.yml` is not read, and not passed over in silence.
    """
    directory = write(tmp_path, a=HEAD)
    (directory / "lines" / "b.yml").write_text(HEAD, encoding="utf-8")
    with pytest.raises(LinesError, match=r"b\.yml: .*rename"):
        load_lines(directory)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """
    The operating system's refusal is reported like any other.
    """
    directory = write(tmp_path, a=HEAD)
    (directory / "lines" / "b.yaml").mkdir()
    with pytest.raises(LinesError, match=r"b\.yaml: cannot be read: "):
        load_lines(directory)


SECTIONS: list[type[Section]] = [
    Line,
    ServerVad,
    SemanticVad,
    Greeting,
    MustHear,
    Goodbye,
    Sip,
    Destination,
    When,
    Hours,
    Instead,
    NoInput,
    Transcription,
    Tracing,
    AgentSpec,
    CollectDigits,
]
KNOWN = dict.fromkeys(key for section in SECTIONS for key in section.model_fields)
KEYS = st.sampled_from([*KNOWN, "<<", "?", "- ", "&a", "*a"])
VALUES = st.sampled_from(["'*'", "+15550199", "server_vad", "off", "1", "null", "[", "{", "|", "!!x", "\t", '"', "#"])
LOOKALIKES = st.lists(
    st.tuples(st.sampled_from(["", "  ", "    "]), KEYS, st.sampled_from([": ", ":\n", " "]), VALUES),
    max_size=8,
).map(lambda rows: "\n".join(map("".join, rows)))
CONTENTS = st.one_of(
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
    LOOKALIKES.map(str.encode),
    LOOKALIKES.map(lambda text: (HEAD + text).encode()),
)


def outcome(directory: Path) -> Lines | LinesError:
    """Load *directory* and return whatever comes of it."""
    try:
        return load_lines(directory)
    except LinesError as error:
        return error


@given(content=CONTENTS)
def test_any_content_is_a_line_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """
    No file, however odd, ends in anything but lines or problems that say where to look.
    """
    found = outcome(write(tmp_path_factory.getbasetemp() / "any", x=content))
    match found:
        case Lines():
            assert len(found) == 1
        case LinesError():
            assert found.problems
            assert all(problem.position and problem.message for problem in found.problems)


PRINTABLE = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff@=")


@given(text=st.text(PRINTABLE))
def test_quoted_text_arrives_as_written(text: str) -> None:
    """
    What stands between single quotes is what the key gets, whatever it looks like.
    """
    file = Path("x.yaml")
    content = "greeting: '" + text.replace("'", "''") + "'\n"
    assert read_source(file, decode(file, content.encode())).tree == {"greeting": text}


EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_documented_examples_load(tmp_path: Path, example: str) -> None:
    """
    Every example in the handbook is a line file that works.
    """
    assert load_one(tmp_path, example).line


def test_documented_errors_are_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The handbook shows the messages that its broken example really causes.
    """
    broken = re.findall(r"```yaml broken\n(.*?)```", README, re.DOTALL)
    shown = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    write(tmp_path, bookings=broken[0])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LinesError) as caught:
        load_lines(Path("config"))
    assert str(caught.value) == shown[0].strip()


IN_WORDS = {
    *("type", "turn_detection", "url", "greeting", "instructions", "must_hear", "goodbye", "sip", "transfer"),
    *(
        "tags",
        "holidays",
        "transcription",
        "tools",
        "handoffs",
        "variables",
        "agents",
        "prompts",
        "busy",
        "set",
        "guardrails",
    ),
}
"""Keys whose default is described, because it has no value of its own."""


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_with_its_default(section: type[Section]) -> None:
    """
    The handbook's tables name every key, and the default that it really has.
    """
    for name, field in section.model_fields.items():
        if name not in IN_WORDS:
            default = "required" if field.is_required() else f"`{in_yaml(field.default)}`"
            assert f"| `{name}` | {default} |" in README


def in_yaml(value: object) -> str:
    """Write a default as a line file would."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def test_the_shipped_lines_load() -> None:
    """
    A fresh checkout answers any number without a key.
    """
    lines = load_lines(ROOT / "config")
    line = route(lines, Ring(("+15550199",), "+15550100", datetime(2026, 11, 20, tzinfo=UTC))).line
    assert line is not None
    assert (line.line, line.backend) == ("front-desk", "local")
    assert line.greeting
