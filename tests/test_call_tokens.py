"""Tokens that a provider brings back with a call."""

from gateway.web.tokens import CallTokens


def test_a_token_is_good_once_for_its_call() -> None:
    """
    Tried by another call it is used up, and nobody else's was ever good.
    """
    tokens = CallTokens()
    mine, other = tokens.issue("CA1"), tokens.issue("CA2")
    assert tokens.use(mine, "CA1")
    assert not tokens.use(mine, "CA1")
    assert not tokens.use(other, "CA1")
    assert not tokens.use(other, "CA2")
    assert not tokens.use("", "CA1")


def test_tokens_cannot_be_guessed_and_fit_into_an_address() -> None:
    """
    No two are alike, and none needs an escape.
    """
    tokens = CallTokens()
    issued = {tokens.issue("CA1") for _ in range(100)}
    assert len(issued) == 100
    assert all(len(token) == 32 and token.replace("-", "").replace("_", "").isalnum() for token in issued)


def test_a_call_that_is_over_leaves_no_token() -> None:
    """
    Those of other calls stay good.
    """
    tokens = CallTokens()
    gone, kept = tokens.issue("CA1"), tokens.issue("CA2")
    tokens.forget("CA1")
    assert not tokens.use(gone, "CA1")
    assert tokens.use(kept, "CA2")
