"""The variables that the client gets, those it does not get, and where it compacts."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.environment import (
    COMPACTION_RESERVE_TOKENS,
    CREDENTIALS,
    OUTPUT_RESERVE_TOKENS,
    PROVIDERS,
    ClientPlan,
    Variable,
    child_environment,
    client_environment,
    client_name_of,
    declared_window,
    is_credential,
    passthrough_environment,
    reply_cap,
    room_tokens,
)

PLAN = ClientPlan(base_url="http://127.0.0.1:5", model="qwen3", models={}, context_tokens=131_072)

OURS_ALWAYS = {"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"}

WINDOWS = st.integers(min_value=2_048, max_value=2_000_000)


def child(user: dict[str, str], plan: ClientPlan = PLAN) -> dict[str, str]:
    return child_environment(user, client_environment(user, plan))


def test_every_variable_is_unique_and_has_a_reason() -> None:
    variables = client_environment({}, PLAN)

    assert all(variable.reason for variable in variables)
    assert len({variable.name for variable in variables}) == len(variables)


def test_exported_variables_win_except_for_address_and_credentials() -> None:
    names = [variable.name for variable in client_environment({}, PLAN)]
    user = dict.fromkeys(names, "mine")

    result = child(user)

    assert {name for name in names if result[name] != "mine"} == OURS_ALWAYS


@pytest.mark.parametrize("name", [*CREDENTIALS, *PROVIDERS, "ANTHROPIC_WORK_SECRET", "CLAUDE_CODE_SOME_OAUTH_TOKEN"])
def test_no_credential_and_no_other_cloud_reaches_the_client(name: str) -> None:
    user = {name: "s3cret", "PATH": "/bin"}

    assert "s3cret" not in child(user).values()


def test_an_anthropic_key_is_withheld_under_any_name() -> None:
    assert "MY_KEY" not in child({"MY_KEY": "sk-ant-api03-x"})


def test_other_variables_are_passed_on() -> None:
    user = {"AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "x", "CLAUDE_CODE_MAX_RETRIES": "3", "HOME": "/h"}

    assert user.items() <= child(user).items()


def test_no_proxy_is_used_between_the_client_and_the_gateway() -> None:
    result = child({"http_proxy": "http://proxy:3128", "no_proxy": "intern"})

    assert result["no_proxy"] == "intern,127.0.0.1,localhost"
    assert result["NO_PROXY"] == "127.0.0.1,localhost"
    assert "NO_PROXY" not in child({})


def test_every_alias_is_a_model_of_this_run() -> None:
    result = child({})

    aliases = {name: value for name, value in result.items() if name.endswith("_MODEL")}
    assert set(aliases.values()) == {"qwen3"}
    assert len(aliases) == 7


def test_the_alias_of_a_tier_is_its_own_model() -> None:
    plan = msgspec.structs.replace(PLAN, models={"haiku": "small", "subagent": "busy", "opus": "big"})

    result = child({}, plan)

    assert result["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == result["ANTHROPIC_SMALL_FAST_MODEL"] == "small"
    assert result["CLAUDE_CODE_SUBAGENT_MODEL"] == "busy"
    assert result["ANTHROPIC_DEFAULT_OPUS_MODEL"] == result["ANTHROPIC_DEFAULT_FABLE_MODEL"] == "big"
    assert result["ANTHROPIC_MODEL"] == result["ANTHROPIC_DEFAULT_SONNET_MODEL"] == "qwen3"


@pytest.mark.parametrize("name", ["claude-opus-5", "anthropic/claude-sonnet-4", "My-Claude-Distill", "opus", "haiku"])
def test_a_name_that_the_client_might_know_is_replaced(name: str) -> None:
    assert client_name_of(name, "opus") == "local-opus"


@given(WINDOWS)
def test_a_reply_and_the_conversation_fit_the_real_window(window: int) -> None:
    cap = reply_cap(window, None)

    assert cap > 0
    assert room_tokens(window, cap) > 0
    assert room_tokens(window, cap) + cap < window


@given(WINDOWS)
def test_the_client_compacts_at_the_room_or_later_if_the_reply_still_fits(window: int) -> None:
    cap = reply_cap(window, None)
    declared = declared_window(window, cap)
    compacts_at = declared - min(cap, OUTPUT_RESERVE_TOKENS) - COMPACTION_RESERVE_TOKENS

    assert declared >= window
    assert compacts_at >= room_tokens(window, cap)
    assert compacts_at + cap <= window


def test_a_large_window_is_declared_as_it_is() -> None:
    assert child({})["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "131072"


def test_a_release_in_javascript_compacts_by_a_share_of_the_window_it_assumes() -> None:
    plan = msgspec.structs.replace(PLAN, context_tokens=32_768, is_native=False)

    result = child({}, plan)

    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in result
    share = float(result["CLAUDE_AUTOCOMPACT_PCT_OVERRIDE"]) / 100
    assert share * (200_000 - 8_192) == pytest.approx(room_tokens(32_768, 8_192), rel=0.01)


def test_in_mode_claude_only_the_address_is_ours() -> None:
    user = {"ANTHROPIC_API_KEY": "sk-ant-x", "CLAUDE_CODE_OAUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://old"}

    result = child_environment(user, passthrough_environment(user, "http://127.0.0.1:5"))

    assert result == {**user, "ANTHROPIC_BASE_URL": "http://127.0.0.1:5"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANTHROPIC_API_KEY", "x", True),
        ("ANYTHING", "sk-ant-x", True),
        ("ANTHROPIC_AUTH_TOKEN", "anyclaude", False),
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "1", False),
        ("CLAUDE_CODE_TOTAL_TOKENS_REMINDER", "off", False),
    ],
)
def test_credentials_are_recognised(name: str, value: str, expected: bool) -> None:
    assert is_credential(Variable(name, value, "")) is expected
