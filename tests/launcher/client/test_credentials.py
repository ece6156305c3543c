"""Credentials are recognised by name and by value."""

import pytest

from anyclaude.launcher.client.credentials import CREDENTIALS, PROVIDERS, is_credential, withheld_names


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANTHROPIC_API_KEY", "x", True),
        ("ANYTHING", "sk-ant-x", True),
        ("ANTHROPIC_AUTH_TOKEN", "anyclaude", False),
        ("ANTHROPIC_AUTH_TOKEN", None, False),
        ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "1", False),
        ("CLAUDE_CODE_TOTAL_TOKENS_REMINDER", "off", False),
    ],
)
def test_credentials_are_recognised(name: str, value: str | None, expected: bool) -> None:
    assert is_credential(name, value) is expected


@pytest.mark.parametrize("name", [*CREDENTIALS, *PROVIDERS, "ANTHROPIC_WORK_SECRET", "CLAUDE_CODE_SOME_OAUTH_TOKEN"])
def test_credentials_and_switches_to_other_clouds_are_withheld(name: str) -> None:
    expected = () if name == "ANTHROPIC_AUTH_TOKEN" else (name,)  # ours takes its place

    assert withheld_names({name: "s3cret", "PATH": "/bin"}) == expected


def test_an_anthropic_key_is_withheld_under_any_name() -> None:
    assert withheld_names({"MY_KEY": "sk-ant-api03-x", "OTHER": "x"}) == ("MY_KEY",)
