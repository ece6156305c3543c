"""A shortage is logged once."""

import pytest
from tests.parts.manual_clock import ManualClock

from anyclaude.server.shortage import QUIET_SECONDS, Shortage


def test_a_shortage_is_logged_once_until_there_was_none_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    shortage = Shortage(clock.seconds)
    counts = []
    for seconds in (0.0, QUIET_SECONDS - 1, QUIET_SECONDS - 1, QUIET_SECONDS):
        clock.time += seconds
        shortage.note("no descriptor is left")
        counts.append(len(caplog.records))

    assert counts == [1, 1, 1, 2]
    assert "no descriptor is left" in caplog.text
