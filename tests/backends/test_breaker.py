"""The circuit breaker in front of one backend."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.parts.manual_clock import ManualClock

from anyclaude.backends import CircuitBreaker
from anyclaude.errors import BackendUnavailable


def opened(clock: ManualClock) -> CircuitBreaker:
    breaker = CircuitBreaker(clock.seconds, threshold=3, rest_seconds=10.0)
    for _ in range(3):
        breaker.admit()
        breaker.failed("no connection.")
    return breaker


def test_it_stays_closed_below_the_threshold_and_a_success_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(lambda: 0.0, threshold=3)
    for _ in range(5):
        breaker.failed("no connection.")
        breaker.failed("no connection.")
        breaker.succeeded()

    breaker.admit()

    assert breaker.state == "closed"
    assert breaker.failures == 0


def test_after_the_threshold_nothing_passes_and_the_reason_and_the_wait_are_told() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 4.0

    with pytest.raises(BackendUnavailable, match=r"no connection\. It failed 3 times in a row.*6 s") as refused:
        breaker.admit()

    assert breaker.state == "open"
    assert refused.value.retry_after_seconds == 6.0
    assert refused.value.status == 529


def test_after_its_rest_one_request_tries_and_the_others_wait() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 10.0

    assert breaker.state == "half_open"
    breaker.admit()
    with pytest.raises(BackendUnavailable) as refused:
        breaker.admit()
    assert refused.value.retry_after_seconds == 1.0


def test_a_trial_that_succeeds_closes_it() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 10.0
    breaker.admit()
    breaker.succeeded()

    breaker.admit()
    breaker.admit()

    assert breaker.state == "closed"


def test_a_trial_that_fails_opens_it_for_another_rest() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 10.0
    breaker.admit()
    breaker.failed("no connection.")

    assert breaker.state == "open"
    assert breaker.failures == 4
    clock.time += 9.9
    with pytest.raises(BackendUnavailable):
        breaker.admit()


def test_a_trial_that_says_nothing_leaves_the_next_one_free() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 10.0
    breaker.admit()
    breaker.withdrawn()

    breaker.admit()

    assert breaker.state == "half_open"


def test_requests_that_were_under_way_when_it_opened_do_not_prolong_its_rest() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 9.0
    breaker.failed("no connection.")
    clock.time += 1.0

    assert breaker.state == "half_open"


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens: it gates when it is open, and never for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.breaker = CircuitBreaker(self.clock.seconds, threshold=3, rest_seconds=10.0)
        self.running = 0

    @rule()
    def a_request_comes(self) -> None:
        """It is let in, or told to wait."""
        state = self.breaker.state
        try:
            self.breaker.admit()
        except BackendUnavailable:
            assert state != "closed"
        else:
            assert state != "open"
            self.running += 1

    @precondition(lambda self: self.running > 0)
    @rule(end=st.sampled_from(["succeeded", "failed", "withdrawn"]))
    def a_request_ends(self, end: str) -> None:
        """One way or another."""
        self.running -= 1
        match end:
            case "succeeded":
                self.breaker.succeeded()
            case "failed":
                self.breaker.failed("no connection.")
            case _:
                self.breaker.withdrawn()

    @rule(seconds=st.sampled_from([1.0, 9.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock goes on."""
        self.clock.time += seconds

    @invariant()
    def closed_means_few_failures(self) -> None:
        """Three failures in a row open it."""
        assert (self.breaker.state == "closed") == (self.breaker.failures < 3)

    @invariant()
    def with_nothing_under_way_a_rest_is_enough(self) -> None:
        """Nothing that has ended can keep the next request out for longer than one rest."""
        if self.running == 0 and self.breaker.state == "half_open":
            self.breaker.admit()
            self.breaker.withdrawn()


TestAnyHistory = AnyHistory.TestCase
