"""Every model name that the client sends is mapped to a model that the server has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.backends import BackendTarget
from anyclaude.profiles import profile_named
from anyclaude.scheduling.model_choice import model_for
from anyclaude.scheduling.queue import Priority

TARGET = BackendTarget(
    profile=profile_named("llamacpp"),
    base_url="http://127.0.0.1:8080/v1",
    model="main",
    models={"opus": "large", "haiku": "small", "subagent": "helper"},
    available_models=("main", "small", "large", "helper", "other", "distilled-from-opus"),
)


@pytest.mark.parametrize(
    ("requested", "model"),
    [
        ("main", "main"),
        ("anything-else", "main"),
        ("claude-opus-5-5", "large"),
        ("claude-haiku-4-5-20251001", "small"),
        ("Claude-Haiku", "small"),
        ("claude-sonnet-4-6", "main"),
        ("small", "small"),
        ("main[1m]", "main"),
        ("SMALL[1M]", "small"),
        ("claude-opus-5-5[1m]", "large"),
        ("local-opus", "large"),
        ("other", "other"),
        ("Other:latest", "other"),
        ("distilled-from-opus", "distilled-from-opus"),
        ("org/other", "other"),
    ],
)
def test_a_name_selects_the_model_of_its_tier_or_the_configured_one(requested: str, model: str) -> None:
    assert model_for(requested, priority=Priority.MAIN, target=TARGET) == model


def test_sub_agents_use_their_own_model_if_one_is_configured() -> None:
    assert model_for("main", priority=Priority.SUBAGENT, target=TARGET) == "helper"


@pytest.mark.parametrize("priority", Priority)
def test_another_model_of_the_server_is_meant_as_it_stands_whoever_asks(priority: Priority) -> None:
    assert model_for("other", priority, TARGET) == "other"


@pytest.mark.parametrize("priority", Priority)
@given(requested=st.text())
def test_whatever_is_asked_for_the_server_is_asked_for_a_model_that_it_has(priority: Priority, requested: str) -> None:
    assert model_for(requested, priority, TARGET) in TARGET.available_models


def test_sub_agents_use_the_configured_model_otherwise() -> None:
    plain = BackendTarget(profile=TARGET.profile, base_url=TARGET.base_url, model="main")

    assert model_for("claude-sonnet-4-6", priority=Priority.SUBAGENT, target=plain) == "main"


def test_auxiliary_calls_use_the_small_model_if_one_is_configured() -> None:
    plain = BackendTarget(profile=TARGET.profile, base_url=TARGET.base_url, model="main")

    assert model_for("main", priority=Priority.AUXILIARY, target=TARGET) == "small"
    assert model_for("claude-haiku-4-5", priority=Priority.AUXILIARY, target=plain) == "main"
