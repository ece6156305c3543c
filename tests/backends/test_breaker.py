"""The circuit breaker: what it lets through, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.backends.breaker import CircuitBreaker
from anyclaude.errors import BackendUnavailable


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Hands) -> CircuitBreaker:
    breaker = CircuitBreaker(clock, threshold=3, rest_seconds=10.0)
    for _ in range(3):
        breaker.admit()
        breaker.failed("no connection.")
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = opened(Hands())

    assert breaker.state == "open"
    assert breaker.failures == 3


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(Hands(), threshold=2)
    breaker.failed("x")
    breaker.succeeded()
    breaker.failed("x")

    assert breaker.state == "closed"


def test_while_it_is_open_nothing_passes_and_the_reason_and_the_wait_are_told() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now += 4

    with pytest.raises(BackendUnavailable, match=r"no connection.*3 times.*6 s") as refused:
        breaker.admit()
    assert refused.value.retry_after_seconds == 6


def test_after_its_rest_one_request_tries_and_others_wait_for_it() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()

    assert breaker.state == "half_open"
    with pytest.raises(BackendUnavailable):
        breaker.admit()


def test_a_trial_that_succeeds_closes_it() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()
    breaker.succeeded()

    assert breaker.state == "closed"


def test_a_trial_that_fails_opens_it_for_another_rest() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()
    breaker.failed("still not there.")

    assert breaker.state == "open"


def test_a_trial_that_says_nothing_leaves_the_place_to_the_next() -> None:
    clock = Hands()
    breaker = opened(clock)
    clock.now += 10
    breaker.admit()
    breaker.withdrawn()
    breaker.admit()

    assert breaker.state == "half_open"


@given(st.lists(st.sampled_from(["ask", "fail", "succeed", "withdraw", "wait"])))
def test_it_never_stays_shut_for_longer_than_its_rest(steps: list[str]) -> None:
    clock = Hands()
    breaker = CircuitBreaker(clock, threshold=2, rest_seconds=10.0)
    asking = False
    for step in steps:
        match step:
            case "wait":
                clock.now += 10
            case "ask" if not asking:
                try:
                    breaker.admit()
                    asking = True
                except BackendUnavailable:
                    pass
            case "fail" if asking:
                breaker.failed("x")
                asking = False
            case "succeed" if asking:
                breaker.succeeded()
                asking = False
            case "withdraw" if asking:
                breaker.withdrawn()
                asking = False
            case _:
                pass
    if asking:
        breaker.withdrawn()
    clock.now += 10

    breaker.admit()
