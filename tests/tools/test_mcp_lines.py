"""What a file may say of an MCP server."""

from pathlib import Path

import pytest

from gateway.lines.problems import LinesError
from tests.tools.mcp_world import entry

RUN = "type: mcp\ncommand: [crm, --quiet]\n"
ASK = "type: mcp\nurl: https://crm.example.com/mcp\n"


def test_names_are_such_as_models_can_call(tmp_path: Path) -> None:
    """
    With the prefix in front, and nothing in them that the API refuses.
    """
    _, spec = entry(tmp_path, RUN + f"allow: [find, orders.cancel, {'x' * 80}]\nprefix: crm_\n")
    assert [*spec.names.values()] == ["crm_find", "crm_orders_cancel", "crm_" + "x" * 60]


@pytest.mark.parametrize(
    ("approve", "wanted"),
    [("always", ["always", "always"]), ("never", ["never", "never"]), ("{cancel: always}", ["never", "always"])],
)
def test_an_approval_is_for_all_tools_or_for_some(tmp_path: Path, approve: str, wanted: list[str]) -> None:
    """
    What is not named needs none.
    """
    _, spec = entry(tmp_path, RUN + f"allow: [find, cancel]\napprove: {approve}\n")
    assert [spec.approval(name) for name in spec.allow] == wanted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RUN, "1:1: allow: is missing; add it"),
        ("type: mcp\nallow: [find]\n", "1:1: says of no server; give `command` to run one, or the `url` of one"),
        (RUN + "allow: []\n", "3:8: allow: is an empty list; name the tools that the agent has"),
        (RUN + "allow: [find, '*']\n", "3:15: allow[1]: there is no way to allow all tools"),
        (RUN + "allow: [a.b, a_b]\n", "3:14: allow[1]: `a_b`, as the model calls it, is there already"),
        (RUN + "allow: [find]\nurl: http://h\n", "4:6: url: does not go with `command`"),
        (RUN + "allow: [find]\nheaders: {}\n", "4:10: headers: does not go with `command`; remove it"),
        (ASK + "allow: [find]\ncwd: crm\n", "4:6: cwd: does not go with `url`; remove it"),
        ("type: mcp\nurl: ftp://h\nallow: [find]\n", "2:6: url: `ftp://h` is not a URL that can be used here"),
        ("type: mcp\ncommand: crm\nallow: [find]\n", "2:10: command: `crm` was found where a list belongs"),
        (RUN + "allow: [find]\nenv: {KEY: abc}\n", "4:12: env.KEY: says no place to find a secret at"),
        (RUN + "allow: [find]\nenv: {a-b: '${A}'}\n", "4:12: env.a-b: `a-b` is no name of a variable"),
        (ASK + "allow: [find]\nheaders: {Api-Key: abc}\n", "4:20: headers.Api-Key: may be a secret; write ${NAME}"),
        (ASK + "allow: [find]\nheaders: {a b: c}\n", "4:16: headers.a b: `a b` is no name of a header"),
        (RUN + "allow: [find]\napprove: {fnd: always}\n", "approve.fnd: is no tool in `allow`; did you mean `find`?"),
        (RUN + "allow: [find]\napprove: seldom\n", "4:10: approve: `seldom` is not known here; write always or never"),
        (RUN + "allow: [find]\nprefix: 'a b'\n", "4:9: prefix: `a b` cannot begin the name of a tool"),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    """
    With line, column, and what to write instead.
    """
    with pytest.raises(LinesError) as caught:
        entry(tmp_path, text)
    assert told in str(caught.value)
    assert "abc" not in str(caught.value)
