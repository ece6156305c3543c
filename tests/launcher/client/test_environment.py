"""The variables that the client gets, those it does not get, and those that the user's do not overrule."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.credentials import CREDENTIALS, PROVIDERS
from anyclaude.launcher.client.environment import (
    ClientPlan,
    Variable,
    child_environment,
    client_environment,
    environment_over_files,
    is_proxied,
    passthrough_environment,
)
from anyclaude.launcher.client.user_settings import SettingsSource, UserSettings
from anyclaude.launcher.client.window import ResultLimits, declared_window, longest_reply

PLAN = ClientPlan(
    base_url="http://127.0.0.1:5",
    model="qwen3",
    models={},
    context_tokens=131_072,
    results=ResultLimits(25_000, 30_000),
)
SMALL = msgspec.structs.replace(PLAN, context_tokens=32_768, results=ResultLimits(5_742, 8_038))

OURS_ALWAYS = {"ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_DISABLE_1M_CONTEXT"}

RESULTS = {"CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS", "MAX_MCP_OUTPUT_TOKENS", "BASH_MAX_OUTPUT_LENGTH"}


def planned(user: UserSettings, plan: ClientPlan = PLAN) -> dict[str, Variable]:
    return {variable.name: variable for variable in client_environment(user, plan)}


def child(user: dict[str, str], plan: ClientPlan = PLAN) -> dict[str, str]:
    return child_environment(user, client_environment(UserSettings(user), plan))


def as_client_reads(user: UserSettings, plan: ClientPlan = PLAN) -> dict[str, str]:
    """Return what a client has that reads its environment, then the files, then `--settings`."""
    variables = client_environment(user, plan)
    over_files = environment_over_files(user, variables, keeps_credentials=False)
    return {**child_environment(user.exported, variables), **user.environment_of_sources, **over_files}


def in_a_file(**environment: str) -> UserSettings:
    return UserSettings({}, (SettingsSource("user", "settings.json", {"env": environment}),))


def test_every_variable_is_unique_and_has_a_reason() -> None:
    variables = client_environment(UserSettings({}), SMALL)

    assert all(variable.reason for variable in variables)
    assert len({variable.name for variable in variables}) == len(variables)


def test_the_users_variables_win_except_for_address_credentials_models_and_numbers_that_are_none() -> None:
    names = list(planned(UserSettings({}), SMALL))

    result = child(dict.fromkeys(names, "mine"), SMALL)

    models = {name for name in names if name.endswith("_MODEL")}
    limits = {"CLAUDE_CODE_MAX_CONTEXT_TOKENS", "CLAUDE_CODE_MAX_OUTPUT_TOKENS"}
    assert {name for name in names if result[name] != "mine"} == OURS_ALWAYS | models | limits


NAMES = st.sampled_from(sorted({*planned(UserSettings({}), SMALL), "HTTP_PROXY"}))


@given(
    st.dictionaries(NAMES, st.sampled_from(["7", "x", ""])),
    st.dictionaries(NAMES, st.sampled_from(["8", "y", ""])),
)
def test_the_client_has_every_variable_as_planned_wherever_the_user_has_set_theirs(
    exported: dict[str, str], in_file: dict[str, str]
) -> None:
    user = UserSettings(exported, in_a_file(**in_file).sources)

    result = as_client_reads(user, SMALL)

    for variable in planned(user, SMALL).values():
        assert result.get(variable.name) == variable.value
    if is_proxied(result):
        assert {"127.0.0.1", "localhost"} <= set(result["no_proxy"].split(","))


@pytest.mark.parametrize("name", [*CREDENTIALS, *PROVIDERS, "ANTHROPIC_WORK_SECRET", "CLAUDE_CODE_SOME_OAUTH_TOKEN"])
def test_no_credential_and_no_other_cloud_reaches_the_client(name: str) -> None:
    assert "s3cret" not in child({name: "s3cret", "PATH": "/bin"}).values()
    assert "s3cret" not in as_client_reads(in_a_file(**{name: "s3cret"})).values()


def test_other_variables_are_passed_on() -> None:
    user = {"AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "x", "CLAUDE_CODE_MAX_RETRIES": "3", "HOME": "/h"}

    assert user.items() <= child(user).items()


def test_no_proxy_is_used_between_the_client_and_the_gateway() -> None:
    result = child({"http_proxy": "http://proxy:3128", "no_proxy": "intern"})

    assert result["no_proxy"] == result["NO_PROXY"] == "intern,127.0.0.1,localhost"
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


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("other", "other"),
        ("other[1m]", "other"),
        ("sonnet[1m]", "sonnet"),
        ("deepseek-v4-pro[1m]", "qwen3"),
        ("claude-sonnet-4-6", "qwen3"),
        ("", "qwen3"),
    ],
)
def test_a_model_of_the_users_counts_if_the_server_has_it_or_the_client_replaces_it(chosen: str, expected: str) -> None:
    plan = msgspec.structs.replace(PLAN, available=("qwen3", "other", "claude-sonnet-4-6"))

    assert as_client_reads(UserSettings({"ANTHROPIC_MODEL": chosen}), plan)["ANTHROPIC_MODEL"] == expected
    assert as_client_reads(in_a_file(ANTHROPIC_MODEL=chosen), plan)["ANTHROPIC_MODEL"] == expected


def test_a_model_that_the_server_does_not_have_is_mentioned() -> None:
    variable = planned(in_a_file(ANTHROPIC_MODEL="gone"))["ANTHROPIC_MODEL"]

    assert "gone (from settings.json)" in variable.note


@pytest.mark.parametrize(("chosen", "expected"), [("64000", None), ("5000", "5000"), ("x", "8192"), ("0", "8192")])
def test_the_longest_reply_is_the_users_as_far_as_the_window_can_bear_it(chosen: str, expected: str | None) -> None:
    variable = planned(UserSettings({"CLAUDE_CODE_MAX_OUTPUT_TOKENS": chosen}), SMALL)["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]

    assert variable.value == (expected or str(longest_reply(32_768)))
    assert bool(variable.note) is (expected is None)


def test_the_longest_reply_of_this_run_wins_over_the_clients() -> None:
    plan = msgspec.structs.replace(SMALL, max_output_tokens=4_000)

    assert (
        as_client_reads(in_a_file(CLAUDE_CODE_MAX_OUTPUT_TOKENS="5000"), plan)["CLAUDE_CODE_MAX_OUTPUT_TOKENS"]
        == "4000"
    )


@pytest.mark.parametrize(("chosen", "is_kept"), [("1000000", False), ("20000", True), ("x", False)])
def test_no_window_of_the_users_is_larger_than_the_models(chosen: str, is_kept: bool) -> None:
    result = child({"CLAUDE_CODE_MAX_CONTEXT_TOKENS": chosen}, SMALL)

    assert result["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == (chosen if is_kept else "32768")


WAITS = "CLAUDE_CODE_DISABLE_UNKNOWN_MODEL_WINDOW_ENFORCEMENT"


@pytest.mark.parametrize("plan", [PLAN, SMALL])
def test_a_window_is_declared_as_it_is_and_the_client_waits_for_the_gateway(plan: ClientPlan) -> None:
    result = child({}, plan)

    assert result["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == str(plan.context_tokens)
    assert result[WAITS] == "1"


def test_a_window_that_only_the_client_enforces_is_declared_so_that_it_compacts_in_time() -> None:
    result = child({}, msgspec.structs.replace(SMALL, is_window_known=False))

    assert result["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == str(declared_window(32_768, 8_192))
    assert WAITS not in result


def test_a_smaller_window_of_the_users_is_enforced_by_the_client() -> None:
    assert WAITS not in child({"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "20000"}, SMALL)


def test_tool_results_are_limited_only_where_the_window_is_small() -> None:
    assert child({}, SMALL).keys() >= RESULTS
    assert not RESULTS & child({}).keys()
    assert child({"BASH_MAX_OUTPUT_LENGTH": "20000"}, SMALL)["BASH_MAX_OUTPUT_LENGTH"] == "20000"


def test_a_release_in_javascript_gets_a_share_and_no_window() -> None:
    result = child({}, msgspec.structs.replace(SMALL, is_native=False))

    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in result
    assert float(result["CLAUDE_AUTOCOMPACT_PCT_OVERRIDE"]) < 10


def test_in_mode_claude_only_the_address_is_ours() -> None:
    user = {"ANTHROPIC_API_KEY": "sk-ant-x", "CLAUDE_CODE_OAUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://old"}

    result = child_environment(user, passthrough_environment(UserSettings(user), "http://127.0.0.1:5"))

    assert result == {**user, "ANTHROPIC_BASE_URL": "http://127.0.0.1:5"}


def test_the_switch_that_the_client_warns_of_is_left_out_where_it_only_prints_an_answer() -> None:
    plan = msgspec.structs.replace(PLAN, prints_text=True)

    result = as_client_reads(UserSettings({"CLAUDE_CODE_DISABLE_1M_CONTEXT": "1"}), plan)

    assert not result["CLAUDE_CODE_DISABLE_1M_CONTEXT"]
    assert child({})["CLAUDE_CODE_DISABLE_1M_CONTEXT"] == "1"


def test_the_gateways_keys_and_an_address_with_a_password_are_kept_from_the_client() -> None:
    exported = {
        "ANYCLAUDE_API_KEY": "x",
        "ANYCLAUDE_TOKEN": "y",
        "ANYCLAUDE_BACKEND_URL": "http://me:pw@10.0.0.1",
        "ANYCLAUDE_FALLBACKS": "http://10.0.0.1",
        "PATH": "/bin",
    }

    assert child_environment(exported, ()) == {"ANYCLAUDE_FALLBACKS": "http://10.0.0.1", "PATH": "/bin"}
