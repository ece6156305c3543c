"""The settings of all tests, and the marker of the slow ones."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a property is true or false; how long a busy machine takes to check it says nothing

pytest_plugins = ("tests.parts.prefix_contract",)

TESTS = Path(__file__).parent

SLOW_PLACES = tuple(
    TESTS / place
    for place in (
        *("faults", "fuzz", "trials", "launcher/test_real_client.py", "parts/test_claude_code.py"),
        "test_wheel.py",
        *("real_servers/test_models.py", "real_servers/test_scripted.py", "real_servers/test_trouble.py"),
    )
)
"""The fault runs, the fuzzers, and the tests that run the real client, or real servers, or a gateway for each test, or
that install the package."""

MODEL_FIXTURES = frozenset({"played", "qwen_model", "smollm2_model", "tiny_model"})
"""The fixtures of real servers, and of weights, on which those of real engines depend.

The first use of weights downloads up to 490 MB.
"""

SHARED_SERVERS = TESTS / "real_servers"
"""Its tests share servers that take a minute to start, so one process runs them all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, which `scripts/check fast` skips, and those that one process runs together."""
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
        if any(item.path.is_relative_to(place) for place in SLOW_PLACES) or MODEL_FIXTURES.intersection(fixtures):
            item.add_marker("slow")
        place = SHARED_SERVERS if item.path.is_relative_to(SHARED_SERVERS) else item.path
        item.add_marker(pytest.mark.xdist_group(place.relative_to(TESTS).as_posix()))
