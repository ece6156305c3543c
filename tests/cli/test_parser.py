"""What the parsers accept, and what the help texts contain."""

import pytest

from anyclaude.cli.commands import COMMANDS, Command
from anyclaude.cli.parser import Parsed, help_text, own_flags, parse
from anyclaude.errors import InvalidSetting
from anyclaude.settings import MODES, SETTINGS


def command(name: str) -> Command:
    return next(command for command in COMMANDS if command.name == name)


def parsed(name: str, *words: str) -> Parsed:
    return parse(command(name), words, COMMANDS)


def test_every_flag_with_a_value_is_a_setting_and_the_others_are_switches() -> None:
    flags = own_flags(COMMANDS)

    assert {flag for flag, takes_value in flags.items() if takes_value} == {row.flag for row in SETTINGS if row.flag}
    switches = {"--print-env", "--version", "-h", "--help"}
    assert {flag for flag, takes_value in flags.items() if not takes_value} == switches


@pytest.mark.parametrize(
    ("name", "words", "settings", "options"),
    [
        ("start", ("--mode", "ollama", "--model=-x"), {"mode": "ollama", "model": "-x"}, {}),
        ("start", ("--model", "--help"), {"model": "--help"}, {}),
        ("print-env", ("--print-env", "--port", "1"), {"port": "1"}, {}),
        ("serve", ("--model", ""), {"model": ""}, {}),
        ("prompt", ("--show",), {}, {"show": ""}),
        ("prompt", ("--show", "a.json", "--diet", "full"), {"diet": "full"}, {"show": "", "file": "a.json"}),
        ("prompt", ("--show", "-"), {}, {"show": "", "file": "-"}),
        ("explain", ("req_1",), {}, {"request": "req_1"}),
        ("explain", ("--last", "3"), {}, {"last": "3"}),
    ],
)
def test_flags_set_settings_and_the_commands_own_options(
    name: str, words: tuple[str, ...], settings: dict[str, str], options: dict[str, str]
) -> None:
    assert parsed(name, *words) == Parsed(settings, options)


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("serve", ("--continue",), "--continue; see anyclaude serve --help"),
        ("serve", ("--print-env",), "--print-env"),
        ("explain", ("--diet", "full"), "--diet"),
        ("explain", ("--last",), "--last"),
        ("explain", ("--la", "3"), "--la"),
        ("prompt", ("--show", "a.json", "b.json"), "b.json"),
    ],
)
def test_a_word_that_a_command_does_not_take_is_refused(name: str, words: tuple[str, ...], text: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        parsed(name, *words)

    assert text in str(raised.value)


def test_the_help_describes_every_flag_and_every_command() -> None:
    text = " ".join(help_text(command("start"), COMMANDS).split())

    assert [flag for flag in own_flags(COMMANDS) if flag not in text] == []
    assert [row.name for row in SETTINGS if row.has_flag and f"Default: {row.default_text}." not in text] == []
    assert f"Allowed: {', '.join(MODES)}." in text
    assert [row.name for row in COMMANDS if row.summary not in text] == []


@pytest.mark.parametrize("name", [row.name for row in COMMANDS])
def test_the_help_of_a_command_fits_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = help_text(command(name), COMMANDS)

    assert text.startswith(f"usage: {command(name).usage}\n")
    assert max(map(len, text.splitlines())) <= 80


def test_the_help_of_a_command_contains_its_own_options_only() -> None:
    text = help_text(command("explain"), COMMANDS)

    assert "--last N" in text
    assert "--mode NAME" not in text
