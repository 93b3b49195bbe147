"""What the model is told of an answer: a value, as `{"result": …}`."""

from codecs import getincrementaldecoder

from pydantic_core import from_json, to_json

from gateway.errors import ToolError
from gateway.lines.tools.http_answer import Response
from gateway.lines.tools.http_body import format_of
from gateway.lines.tools.parameters import Json
from gateway.realtime.tool_output import LONGEST_OUTPUT_BYTES
from gateway.tools.http_message import HttpAnswer

_LATIN = ("iso-8859-1", "windows-1252", "us-ascii")


def result_of(answer: HttpAnswer, response: Response | None) -> Json:
    """
    What is picked out of an answer, or all of it.

    Raises `ToolError` for an answer that is not what it should be.
    """
    if response is not None:
        return _wrapped(response.pick(_json(answer)), whole=True)
    if format_of(answer.content_type) == "json" and answer.whole:
        try:
            return _wrapped(_json(answer), whole=True)
        except ToolError:
            pass  # it is told as the text that it is
    return _wrapped(_text(answer) or None, whole=answer.whole)


def _wrapped(value: object, *, whole: bool) -> Json:
    result: Json = {"result": value} if whole else {"result": value, "cut": True}
    if (size := _size(result)) <= LONGEST_OUTPUT_BYTES:
        return result
    if not isinstance(value, str):
        raise ToolError(f"it is longer than {LONGEST_OUTPUT_BYTES // 1024} KiB")
    return _wrapped(value[: len(value) * LONGEST_OUTPUT_BYTES // size - 1], whole=False)


def _size(result: Json) -> int:
    return len(to_json(result))


def _json(answer: HttpAnswer) -> object:
    if not answer.whole:
        raise ToolError(f"it is longer than {LONGEST_OUTPUT_BYTES // 1024} KiB")
    if not answer.body.strip():
        return None
    try:
        return from_json(answer.body, allow_inf_nan=False)
    except ValueError as error:
        raise ToolError("it is not JSON") from error


def _text(answer: HttpAnswer) -> str:
    """The body, cut between two characters."""
    encoding = "latin-1" if any(name in answer.content_type.lower() for name in _LATIN) else "utf-8"
    try:
        return getincrementaldecoder(encoding)().decode(answer.body, final=answer.whole)
    except UnicodeDecodeError as error:
        raise ToolError("it is no text") from error
