"""What an administrator's settings overrule is said before the client starts."""

import pytest

from anyclaude.errors import ClientOverruled
from anyclaude.launcher.client.environment import Variable
from anyclaude.launcher.client.managed import check_managed, notes_on_managed
from anyclaude.launcher.client.user_settings import JsonObject, SettingsSource, UserSettings

PLACE = "/etc/claude-code/managed-settings.json"


def managed(values: JsonObject, **exported: str) -> UserSettings:
    return UserSettings(exported, (SettingsSource("managed", PLACE, values),))


@pytest.mark.parametrize("keeps_credentials", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [("ANTHROPIC_BASE_URL", "https://corp"), ("CLAUDE_CODE_USE_BEDROCK", "1"), ("CLAUDE_CODE_USE_VERTEX", "true")],
)
def test_another_address_or_provider_ends_the_start(name: str, value: str, keeps_credentials: bool) -> None:
    with pytest.raises(ClientOverruled, match=f"{PLACE}: {name}"):
        check_managed(managed({"env": {name: value}}), ("m",), keeps_credentials=keeps_credentials)


def test_a_provider_that_is_switched_off_is_none() -> None:
    check_managed(managed({"env": {"CLAUDE_CODE_USE_BEDROCK": "0"}}), ("m",), keeps_credentials=False)


@pytest.mark.parametrize("name", ["forceLoginMethod", "forceLoginOrgUUID"])
def test_a_login_that_is_demanded_ends_the_start_except_in_mode_claude(name: str) -> None:
    user = managed({name: "claudeai"})

    check_managed(user, (), keeps_credentials=True)
    with pytest.raises(ClientOverruled, match=name):
        check_managed(user, ("m",), keeps_credentials=False)


def test_a_list_of_models_ends_the_start_if_it_lacks_the_models_of_this_run() -> None:
    check_managed(managed({"availableModels": ["opus", "m"]}), ("m",), keeps_credentials=False)
    with pytest.raises(ClientOverruled, match="availableModels"):
        check_managed(managed({"availableModels": ["opus"]}), ("m",), keeps_credentials=False)


@pytest.mark.parametrize(
    ("hosts", "is_refused"), [(".corp", True), ("127.0.0.1", False), (".corp, 127.0.0.1", False), ("*", False)]
)
def test_a_proxy_that_cannot_be_avoided_ends_the_start(hosts: str, is_refused: bool) -> None:
    user = managed({"env": {"no_proxy": hosts}}, HTTP_PROXY="http://proxy:3128")

    if is_refused:
        with pytest.raises(ClientOverruled, match="no_proxy"):
            check_managed(user, ("m",), keeps_credentials=False)
    else:
        check_managed(user, ("m",), keeps_credentials=False)


def test_the_users_own_settings_end_nothing() -> None:
    values: JsonObject = {"env": {"ANTHROPIC_BASE_URL": "https://corp"}, "forceLoginMethod": "claudeai"}
    user = UserSettings({}, (SettingsSource("user", "settings.json", values),))

    check_managed(user, ("m",), keeps_credentials=False)


def test_a_window_that_is_overruled_is_mentioned() -> None:
    user = managed({"env": {"CLAUDE_CODE_MAX_CONTEXT_TOKENS": "1000000", "OTHER": "x"}})
    ours = (Variable("CLAUDE_CODE_MAX_CONTEXT_TOKENS", "32768", ""), Variable("OTHER", "y", ""))

    notes = notes_on_managed(user, ours)

    assert len(notes) == 1
    assert "1000000" in notes[0]
