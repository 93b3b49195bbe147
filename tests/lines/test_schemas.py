"""The schemas that editors use say what the gateway does, as far as they can."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.cli.schema import KINDS, text_of
from gateway.lines import LinesError
from gateway.lines.file_text import decode
from gateway.lines.scalars import Plain
from gateway.lines.validation import validated
from gateway.lines.yaml_source import Tree, read_source
from tests.lines.folder import HEAD

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
README = (CONFIG / "README.md").read_text(encoding="utf-8")
BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
SHIPPED = {
    **dict.fromkeys(CONFIG.glob("lines/*.yaml"), "line"),
    **dict.fromkeys(CONFIG.glob("agents/*.yaml"), "agent"),
    CONFIG / "prices.yaml": "prices",
}
_INTEGER = re.compile("[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def as_editors_see(tree: Tree) -> Any:
    """A file as YAML 1.2 has it, where words without quotes may be numbers."""
    match tree:
        case dict():
            return {key: as_editors_see(value) for key, value in tree.items()}
        case list():
            return [as_editors_see(value) for value in tree]
        case Plain() if tree in {"true", "false"}:
            return tree == "true"
        case Plain() if _INTEGER.fullmatch(tree):
            return int(tree)
        case Plain() if _FLOAT.fullmatch(tree):
            return float(tree)
        case _:
            return tree


def underlined(kind: str, text: str) -> list[str]:
    """What an editor would underline."""
    tree = read_source(Path("x.yaml"), decode(Path("x.yaml"), text.encode())).tree
    checker = Draft202012Validator(json.loads(text_of(kind)))
    return [error.message for error in checker.iter_errors(as_editors_see(tree))]


def refused(kind: str, text: str) -> str:
    """What the gateway says of one file by itself."""
    try:
        validated(KINDS[kind], read_source(Path("x.yaml"), text))
    except LinesError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_schemas_that_are_shipped_are_current(kind: str) -> None:
    """
    `gateway schema KIND --out config/KIND.schema.json` writes them, and they are schemas.
    """
    written = (CONFIG / f"{kind}.schema.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(written))
    assert written == text_of(kind)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_files_name_their_schema_and_keep_to_it(file: Path) -> None:
    """
    Whoever opens one is helped at once.
    """
    text = file.read_text(encoding="utf-8")
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)
    assert (file.parent / named).resolve() == CONFIG / f"{SHIPPED[file]}.schema.json"
    assert underlined(SHIPPED[file], text) == []


EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_documented_examples_are_not_underlined(example: str) -> None:
    """
    What works looks as if it does.
    """
    assert underlined("line", example) == []


SOUND = {
    "numbers": "line: a\nnumbers: [+15550199, sip:*, '*', +49*]\n",
    "one number": "line: a\nnumbers: '*'\n",
    "several conditions": HEAD + "when: [{stir: A}, {caller: anonymous}]\n",
    "headers": HEAD + "when: {headers: {X-A: [a, b*], X-B: c}}\n",
    "hours": HEAD + "zone: UTC\nwhen: {hours: {mon-fri: '09:00-17:00', sat: [09:00-10:00], sun: closed}}\n",
    "refusal by name": HEAD + "reject: busy\n",
    "refusal by number": HEAD + "reject: 404\n",
    "busy": HEAD + "busy: reject\n",
    "busy with a message": HEAD + "busy: {message: Later.}\n",
    "forward": HEAD + "forward: +15550155\n",
    "limits": HEAD + "max_calls: 3\nmax_duration: 30m\nmax_cost: 0.5\nno_input: {after: 8s}\n",
    "tokens": HEAD + "max_output_tokens: inf\n",
    "tracing": HEAD + "tracing: auto\n",
    "tracing by name": HEAD + "tracing: {workflow_name: desk}\n",
    "no transcription": HEAD + "transcription: null\n",
    "greeting": HEAD + "greeting: Hi.\n",
    "agents": HEAD + "handoffs: [b, c]\nagents: {b: {instructions: Hi.}, c: shared}\n",
    "agents by name": HEAD + "handoffs: [b]\nagents: [b]\n",
    "python tool": HEAD + "tools: [{type: python, function: 'bakery:bake'}]\n",
    "http tool": HEAD
    + "tools:\n- {type: http, name: a, description: A., url: https://a.example, parameters: {day: string}}\n",
    "mcp tool": HEAD + "tools: [{type: mcp, command: [tool], allow: [a]}]\n",
    "semantic": HEAD + "turn_detection: {type: semantic_vad, eagerness: low}\n",
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_what_the_gateway_takes_is_not_underlined(text: str) -> None:
    """
    Short forms and long ones.
    """
    assert refused("line", text) == ""
    assert underlined("line", text) == []


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_what_is_underlined_is_refused(file: Path) -> None:
    """
    Editors know less than the gateway, and are never stricter.
    """
    text = file.read_text(encoding="utf-8")
    try:
        marked = underlined("line", text)
    except LinesError:
        return
    assert not marked or refused("line", text)


MARKED = {
    "unknown key": HEAD + "greting: Hi.\n",
    "missing key": "line: a\n",
    "number": "line: a\nnumbers: me\n",
    "id": "line: A a\nnumbers: '*'\n",
    "blank": HEAD + "voice: ' '\n",
    "range": HEAD + "turn_detection: {type: server_vad, threshold: 2}\n",
    "whole": HEAD + "max_calls: 1.5\n",
    "choice": HEAD + "barge_in: never\n",
    "switch": HEAD + "self_echo_guard: 'true'\n",
    "kind": HEAD + "turn_detection: {type: none}\n",
    "no kind": HEAD + "turn_detection: {threshold: 0.5}\n",
    "span": HEAD + "zone: UTC\nwhen: {hours: {mon: 9-17}}\n",
    "date": HEAD + "holidays: [tomorrow]\n",
    "duration": HEAD + "max_duration: 30\n",
    "gone": HEAD + "temperature: 0.8\n",
    "status": HEAD + "reject: 200\n",
    "variable": HEAD + "variables: {caller: me}\n",
    "tool": HEAD + "tools: [{type: http, name: a}]\n",
    "python name": HEAD + "tools: [{type: python, function: bake}]\n",
}


@pytest.mark.parametrize("text", MARKED.values(), ids=MARKED)
def test_what_one_key_shows_is_underlined(text: str) -> None:
    """
    And refused, as it must be.
    """
    assert refused("line", text)
    assert underlined("line", text)
