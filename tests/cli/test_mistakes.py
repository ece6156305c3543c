"""Words that are refused before anything starts, and those that never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.command import Command
from tests.parts.fake_client import client_report

from anyclaude.claude_code import FLAGS, SUBCOMMANDS
from anyclaude.cli.commands import COMMANDS
from anyclaude.cli.mistakes import LIKE_A_COMMAND, refuse_mistakes
from anyclaude.errors import InvalidSetting
from anyclaude.settings import SETTINGS

OWN_FLAGS = sorted(row.flag for row in SETTINGS if row.flag)


def refused(*words: str) -> str:
    """Return what is said of the words."""
    with pytest.raises(InvalidSetting) as raised:
        refuse_mistakes(words, COMMANDS)
    return str(raised.value)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("serv",), "anyclaude serve"),
        (("modles",), "anyclaude models"),
        (("Models",), "anyclaude models"),
        (("stats",), "anyclaude explain"),
        (("status",), "anyclaude models"),
        (("config", "list"), "anyclaude --print-env"),
        (("doctr",), "anyclaude doctor"),
        (("plugn", "list"), "anyclaude plugin"),
        (("hello",), "--help lists the commands"),
        (("prompt",), "anyclaude prompt --show"),
        (("confg",), "anyclaude --print-env"),
        (("serv", "--json"), "anyclaude serve"),
        (("resume",), "anyclaude --resume"),
    ],
)
def test_a_word_that_is_no_command_is_refused_with_what_is_meant(words: tuple[str, ...], meant: str) -> None:
    assert meant in refused(*words)


def test_the_refusal_says_how_to_send_the_words() -> None:
    assert refused("fix", "the", "bug").endswith(
        "To send it to the model: anyclaude -p 'fix the bug', or in a session: anyclaude -- 'fix the bug'"
    )


@given(st.from_regex(LIKE_A_COMMAND, fullmatch=True).filter(lambda word: word not in SUBCOMMANDS))
def test_a_single_word_is_a_prompt_only_behind_print_or_with_a_flag_of_a_session(word: str) -> None:
    refused(word)
    refuse_mistakes(["-p", word], COMMANDS)
    refuse_mistakes(["--continue", word], COMMANDS)


@pytest.mark.parametrize("word", ["/init", "fix it", "why?", "@file", "", "-", "1", "解释"])
def test_what_cannot_be_a_command_is_a_prompt(word: str) -> None:
    refuse_mistakes([word], COMMANDS)


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--mdoe", "--mode"),
        ("--mdoe=ollama", "--mode"),
        ("--backend_url", "--backend-url"),
        ("--back-end-url", "--backend-url"),
        ("--Model", "--model"),
        ("-model", "--model"),
        ("--contex-tokens", "--context-tokens"),
        ("--print-evn", "--print-env"),
        ("--hlep", "--help"),
        ("--claude-path", "ANYCLAUDE_CLAUDE_PATH"),
        ("--stored_prompts", "ANYCLAUDE_STORED_PROMPTS"),
        ("--print-env=1", "takes no value"),
    ],
)
def test_a_flag_that_resembles_one_of_ours_is_refused_with_it(flag: str, meant: str) -> None:
    assert meant in refused(flag, "x")
    assert meant in refused("-p", "hi", flag, "x")


@given(st.sampled_from(OWN_FLAGS), st.data())
def test_two_letters_of_a_flag_in_the_wrong_order_are_noticed(flag: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(2, len(flag) - 2))
    misspelt = f"{flag[:place]}{flag[place + 1]}{flag[place]}{flag[place + 2 :]}"
    if misspelt in {*OWN_FLAGS, *FLAGS}:
        return

    assert flag in refused("-p", "hi", misspelt)


@pytest.mark.parametrize("flag", sorted(FLAGS))
def test_a_flag_of_the_client_is_never_refused(flag: str) -> None:
    refuse_mistakes([flag, "x"], COMMANDS)
    refuse_mistakes([f"{flag}=x"], COMMANDS)


@pytest.mark.parametrize("flag", ["--of-a-newer-release", "--permissoin-mode", "-x", "-d2e", "-pc", "--sparkle=1"])
def test_a_flag_that_resembles_none_of_ours_is_the_clients(flag: str) -> None:
    refuse_mistakes(["-p", "hi", flag], COMMANDS)


def test_values_of_the_clients_flags_and_words_after_its_commands_are_not_looked_at() -> None:
    refuse_mistakes(["--append-system-prompt", "--mdoe", "-p", "hi"], COMMANDS)
    refuse_mistakes(["mcp", "add", "serv", "--mdoe"], COMMANDS)


def test_a_word_after_an_unknown_flag_may_be_its_value() -> None:
    refuse_mistakes(["--of-a-newer-release", "serv"], COMMANDS)


async def test_the_command_refuses_before_a_server_is_asked(command: Command) -> None:
    status, out, err = await command.ran("serv")
    misspelt, _, _ = await command.ran("-p", "hi", "--mdoe", "ollama")
    missing, _, said = await command.ran("explain", "this", "repository")

    assert (status, misspelt, missing, out) == (2, 2, 2, "")
    assert "did you mean anyclaude serve?" in err
    assert "anyclaude -p 'explain this repository'" in said
    assert command.server.requests == []


async def test_words_after_the_separator_are_sent_as_they_are(command: Command) -> None:
    _, out, _ = await command.ran("--", "serv")

    assert client_report(out.splitlines()[0]).arguments[-1] == "serv"
