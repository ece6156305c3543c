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


def test_it_stays_closed_below_the_threshold_and_a_success_resets_the_count() -> None:
    breaker = CircuitBreaker(lambda: 0.0, threshold=3)
    for _ in range(5):
        breaker.failed("no connection.")
        breaker.failed("no connection.")
        breaker.succeeded()

    breaker.admit()

    assert breaker.state == "closed"
    assert breaker.failures == 0


def test_at_the_threshold_requests_are_refused_with_the_reason_and_the_delay() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 4.0

    with pytest.raises(BackendUnavailable, match=r"no connection\. It failed 3 times in a row.*6 s") as refused:
        breaker.admit()

    assert breaker.state == "open"
    assert refused.value.retry_after_seconds == 6.0
    assert refused.value.status == 529


def test_after_its_rest_one_request_is_on_trial_and_the_others_are_refused() -> None:
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


def test_after_a_trial_without_a_result_the_next_request_is_on_trial() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 10.0
    breaker.admit()
    breaker.withdrawn()

    breaker.admit()

    assert breaker.state == "half_open"


def test_failures_of_requests_sent_before_it_opened_do_not_prolong_its_rest() -> None:
    clock = ManualClock()
    breaker = opened(clock)
    clock.time += 9.0
    breaker.failed("no connection.")
    clock.time += 1.0

    assert breaker.state == "half_open"


class AnyHistory(RuleBasedStateMachine):
    """In any order of events: an open circuit refuses requests, and never permanently."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.breaker = CircuitBreaker(self.clock.seconds, threshold=3, rest_seconds=10.0)
        self.running = 0

    @rule()
    def a_request_arrives(self) -> None:
        """Admit or refuse it."""
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
        """End a request with any result."""
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
        """Advance the clock."""
        self.clock.time += seconds

    @invariant()
    def closed_means_few_failures(self) -> None:
        """Check that three failures in a row open the circuit."""
        assert (self.breaker.state == "closed") == (self.breaker.failures < 3)

    @invariant()
    def without_running_requests_a_rest_is_enough(self) -> None:
        """Check that after one rest a request is admitted, whatever ended before."""
        if self.running == 0 and self.breaker.state == "half_open":
            self.breaker.admit()
            self.breaker.withdrawn()


TestAnyHistory = AnyHistory.TestCase
