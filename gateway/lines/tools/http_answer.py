"""What of a service's answer the model is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator, model_validator

from gateway.errors import ToolError
from gateway.lines.scalars import shown
from gateway.lines.section import Section
from gateway.lines.templates import MissingValueError, TemplateText
from gateway.lines.texts import Text
from gateway.lines.wording import did_you_mean


def _check_jmespath(text: str) -> str:
    try:
        parsed = jmespath.compile(text).parsed
    except JMESPathError as error:
        at = getattr(error, "lex_position", getattr(error, "lexer_position", None))
        place = "" if at is None else f"; look at column {at + 1}"
        raise ValueError(f"{shown(text)} is no JMESPath{place}") from error
    for name in _functions(parsed):
        if name not in Functions.FUNCTION_TABLE:
            raise ValueError(f"JMESPath has no function {shown(name)}; {did_you_mean(name, Functions.FUNCTION_TABLE)}")
    return text


def _functions(node: Any) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield str(node["value"])
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


class Response(Section):
    """Picks what matters out of JSON."""

    jmespath: Annotated[Text, AfterValidator(_check_jmespath)] | None = None
    """A JMESPath expression; what it finds is told."""
    template: TemplateText | None = None
    """Text whose gaps name parts of the answer, like `{{room.number}}` or `{{rooms.0.price}}`."""

    def pick(self, answer: object) -> object:
        """
        What is told of *answer*.

        Raises `ToolError` when it is not as it was expected to be.
        """
        if self.template is not None:
            try:
                return self.template.render(answer if isinstance(answer, dict) else {})
            except MissingValueError as error:
                raise ToolError(f"the answer has no {error.name}") from error
        try:
            return jmespath.search(self.jmespath or "@", answer)
        except JMESPathError as error:
            raise ToolError("the answer is not as it was expected to be") from error

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.jmespath is None) == (self.template is None):
            raise ValueError("needs either `jmespath` or `template`; write one of the two")
        return self
