"""Lines name agents in Python, and are told what is wrong with a name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.agents import Configuration, load_configuration
from gateway.errors import ConfigError
from gateway.lines import Line, load_lines
from gateway.lines.files import ConfigFiles
from gateway.lines.problems import LinesError
from gateway.tools.http_client import HttpClient
from tests.e2e.exchange import configured

LINE = 'line: bakery\nnumbers: "+15550199"\nagent: {}\n'
MODULE = """
from gateway.realtime.agent import RealtimeAgent
baker = RealtimeAgent(name="baker", instructions="You bake.")
oven = 230
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of configuration with a module in it, which Python forgets again."""
    (tmp_path / "lines").mkdir()
    (tmp_path / "the_bakery.py").write_text(MODULE)
    (tmp_path / "burnt.py").write_text("1 / 0")
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def written(folder: Path, agent: str) -> Path:
    """The folder, with a line that is answered by *agent*."""
    (folder / "lines" / "bakery.yaml").write_text(LINE.format(agent))
    return folder


def configured_by(folder: Path) -> Configuration:
    """What a folder says."""
    return load_configuration(ConfigFiles(folder), HttpClient(), {})


def test_an_agent_is_imported_from_the_folder_of_the_configuration(folder: Path) -> None:
    """
    And answers the line that names it.
    """
    configuration = configured_by(written(folder, "the_bakery:baker"))
    (line,) = configuration.lines
    assert configuration.agent_of(line).instructions == "You bake."


def test_a_line_without_one_is_answered_by_its_own_words() -> None:
    """
    By an agent that is called as the line is.
    """
    line = Line(line="front-desk", numbers=("*",), instructions="Be kind.")
    agent = configured(line).agent_of(line)
    assert (agent.name, agent.instructions) == ("front-desk", "Be kind.")


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("the_bakery:bakr", "did you mean `baker`?"),
        ("the_bakery:oven", "`oven` is no RealtimeAgent in the_bakery"),
        ("no_such_bakery:baker", "ModuleNotFoundError: No module named 'no_such_bakery'"),
        ("burnt:baker", "ZeroDivisionError: division by zero"),
        ("bakery", "write module:name, like bakery:front_desk"),
    ],
)
def test_what_is_wrong_with_a_name_is_said_where_it_is(folder: Path, agent: str, told: str) -> None:
    """
    File, line, column and what to do; a module that fails is quoted.
    """
    with pytest.raises(ConfigError) as caught:
        configured_by(written(folder, agent))
    assert "bakery.yaml:3:8: agent: " in str(caught.value)
    assert told in str(caught.value)


def test_an_agent_brings_its_own_instructions(folder: Path) -> None:
    """
    Two of them would leave open who answers.
    """
    written(folder, "the_bakery:baker\ninstructions: Be kind.")
    with pytest.raises(LinesError, match="does not go with `agent`"):
        load_lines(folder)
