"""Tools that every agent of a line has, whoever it is: what a call remembers, and what callers leave."""

from collections.abc import Callable, Iterator

from gateway.agents.context import CallContext
from gateway.call.events import Event, MessageTaken
from gateway.lines import Line
from gateway.realtime.tools import FunctionTool
from gateway.tools.messages import Message, Messages, message_tool
from gateway.tools.set_variables import set_tool


def own_tools(
    line: Line, call: CallContext, messages: Messages, report: Callable[[Event], None]
) -> Iterator[FunctionTool]:
    """Those of one call; it is reported that a message was taken."""

    def taken(message: Message) -> None:
        report(MessageTaken(message.name, message.number, message.text))

    if line.set:
        yield set_tool(line.set, call.variables)
    if line.take_message:
        yield message_tool(messages, line=line.line, call_sid=call.call_sid, caller=call.caller, taken=taken)
