"""One response at a time, although both sides may start one."""

from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse

GREETING = CreateResponse("Say good morning.")
ANSWER = CreateResponse()


def arbiter(*wishes: CreateResponse) -> ResponseArbiter:
    """An arbiter with wishes in line."""
    new = ResponseArbiter()
    for wish in wishes:
        new.want(wish)
    return new


def test_nothing_is_asked_for_that_nobody_wants() -> None:
    """
    No wish, no response.
    """
    assert arbiter().next() is None


def test_two_are_never_asked_for_at_once() -> None:
    """
    The second wish waits until the first response has begun and ended.
    """
    line = arbiter(GREETING, ANSWER)
    assert line.next() == GREETING
    assert line.next() is None
    line.response_seen("resp_1")
    assert line.next() is None
    line.response_done("resp_1")
    assert line.next() == ANSWER


def test_the_same_wish_twice_is_one() -> None:
    """
    Two tools that answer want one response.
    """
    line = arbiter(ANSWER, ANSWER)
    assert line.next() == ANSWER
    line.response_done("resp_1")
    assert line.next() is None


def test_a_wish_waits_for_every_response_that_is_under_way() -> None:
    """
    Whoever started them, and in whatever order they end.
    """
    line = arbiter(ANSWER)
    for response_id in ("resp_1", "resp_2", "resp_1"):
        line.response_seen(response_id)
    assert line.active == {"resp_1", "resp_2"}
    for response_id in ("resp_1", "resp_1"):
        line.response_done(response_id)
        assert line.next() is None
    line.response_done("resp_2")
    assert line.next() == ANSWER


def test_a_wish_waits_while_the_caller_speaks() -> None:
    """
    The agent does not talk over the caller on purpose.
    """
    line = arbiter(ANSWER)
    line.speech_started()
    assert line.next() is None
    line.speech_stopped(responds=False)
    assert line.next() == ANSWER


def test_a_server_that_answers_by_itself_covers_every_wish() -> None:
    """
    What is wanted is part of the conversation that it answers from.
    """
    line = arbiter(GREETING, ANSWER)
    line.speech_started()
    line.speech_stopped(responds=True)
    assert line.next() is None
    line.want(ANSWER)
    assert line.next() == ANSWER


def test_a_wish_that_is_refused_for_good_is_forgotten() -> None:
    """
    It makes room for the next.
    """
    line = arbiter(GREETING, ANSWER)
    assert line.next() == GREETING
    line.refused()
    assert line.next() == ANSWER
