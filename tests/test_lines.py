"""Laws of the line files: what is read, what is refused, and where the refusal points."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.lines import Line, Lines, LinesError, Problem, SemanticVad, ServerVad, load_lines
from gateway.lines.file_text import decode
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
    )
    line = load_one(tmp_path, content)
    assert (line.backend, line.url, line.model) == ("local", "ws://127.0.0.1:9/v1", "4")
    assert (line.voice, line.greeting, line.instructions) == ("no", "NO", "One.\n")
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
    line = load_one(tmp_path, f"{HEAD}greeting: {text}\nurl: {text}\n{vad}")
    assert (line.greeting, line.url, line.turn_detection) == (None, None, ServerVad())


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
    found = [lines.find(number) for number in ("+15550199", "+4930", "+15550198", "")]
    assert [line.line if line else None for line in found] == ["b", "b", "a", "a"]


def test_without_a_star_unknown_numbers_have_no_line() -> None:
    """
    A number that nobody claims is answered by nobody.
    """
    lines = Lines([Line(line="b", numbers=("+15550199",))])
    assert lines.find("+15550198") is None


BROKEN = {
    "unknown key": (HEAD + "greting: Hi\n", "3:1: greting: .*did you mean `greeting`"),
    "unknown key, nothing near": (HEAD + "zzz: 1\n", "3:1: zzz: .*known are line, numbers, backend"),
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


KEYS = st.sampled_from([*Line.model_fields, *ServerVad.model_fields, "eagerness", "<<", "?", "- ", "&a", "*a"])
VALUES = st.sampled_from(["'*'", "+15550199", "server_vad", "1", "null", "[", "{", "|", "!!x", "\t", '"', "#"])
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


@pytest.mark.parametrize("section", [Line, ServerVad, SemanticVad])
def test_every_key_is_documented_with_its_default(section: type[Line | ServerVad | SemanticVad]) -> None:
    """
    The handbook's tables name every key, and the default that it really has.
    """
    for name, field in section.model_fields.items():
        if name not in {"type", "turn_detection", "url", "greeting", "instructions"}:
            default = "required" if field.is_required() else f"`{'null' if field.default is None else field.default}`"
            assert f"| `{name}` | {default.replace('True', 'true')} |" in README


def test_the_shipped_lines_load() -> None:
    """
    A fresh checkout answers any number without a key.
    """
    line = load_lines(ROOT / "config").find("+15550199")
    assert line is not None
    assert (line.line, line.backend) == ("front-desk", "local")
    assert line.greeting
