"""From a line to what it wants of a call."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.agent import AgentProfile
from gateway.call import CallPlan
from gateway.call.errands import tools_of
from gateway.call.plan import GREETING, CallLimits, DigitRules, Goodbye, Menu, MenuKey, NoInput, Segment, Transfer
from gateway.lines import Line
from gateway.protocol.session import SessionConfig


def plan(line: Line, agent: AgentProfile, *, attached: bool = False) -> CallPlan:
    """What a line wants of a call; a session that is *attached* to has its formats already."""
    turn_detection = line.turn_detection.model_dump(exclude_none=True)
    if line.takes_over_turns:
        turn_detection |= {"create_response": False, "interrupt_response": False}
    settings = line.session_settings()
    wanted = CallPlan(
        SessionConfig(agent.instructions, line.voice, turn_detection, attached=attached, **settings),
        tuple(_opening(line)),
        line.barge_in,
        line.self_echo_guard,
        Goodbye(line.goodbye.text, line.goodbye.wait_s * 1000) if line.goodbye else None,
        line.takes_over_turns,
        agent,
        limits=_limits(line),
        digits=_digits(line),
        presses_keys=line.send_dtmf,
        menu=_menu(line),
        transfers=tuple(_transfers(line)),
    )
    return replace(wanted, session=replace(wanted.session, tools=(*agent.tools, *tools_of(wanted))))


def _transfers(line: Line) -> Iterator[Transfer]:
    for name, to in line.transfer.items():
        yield Transfer(name, to.to, to.when or "", to.say or "", to.timeout_s * 1000, to.caller_id or "")


def _limits(line: Line) -> CallLimits:
    longest_ms = None if line.max_duration is None else line.max_duration.total_seconds() * 1000
    text = line.limit_text or (line.goodbye.text if line.goodbye else None) or ""
    return CallLimits(longest_ms, _no_input(line), text)


def _no_input(line: Line) -> NoInput | None:
    silence = line.no_input
    if silence is None:
        return None
    number = line.fallback_number if silence.then == "transfer" else None
    then = Transfer("fallback", number) if number else None
    return NoInput(silence.after.total_seconds() * 1000, silence.prompts, then)


def _menu(line: Line) -> Menu | None:
    if line.menu is None:
        return None
    keys = {
        key: MenuKey(does.say or "", does.handoff or "", does.transfer or "") for key, does in line.menu.keys.items()
    }
    return Menu(keys, line.menu.invalid or "")


def _digits(line: Line) -> DigitRules | None:
    rules = line.collect_digits
    return DigitRules(rules.most, rules.terminator or "", rules.timeout_s * 1000, rules.cuts) if rules else None


def _opening(line: Line) -> Iterator[Segment]:
    """What the agent says first; a greeting that cannot be cut has to be heard like the segments that say so."""
    if line.greeting:
        mode = line.greeting.mode(line.barge_in)
        yield Segment(GREETING, line.greeting.text, mode, must_hear=mode == "off")
    for segment in line.must_hear:
        yield Segment(segment.id, segment.text, segment.barge_in, must_hear=True)
