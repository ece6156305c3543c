"""How Claude Code reads its words: what is a flag, a value, its own command, and what needs a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.claude_code import (
    FLAGS,
    FLAGS_WITH_OPTIONAL_VALUE,
    FLAGS_WITH_VALUE,
    FLAGS_WITH_VALUES,
    INFORMATION_FLAGS,
    MODEL_SUBCOMMANDS,
    PRINT_FLAGS,
    SUBCOMMANDS,
    SWITCHES,
)
from anyclaude.cli.client_words import ClientWords, read_client_words, talks_to_a_model

PLAIN_SWITCHES = sorted(SWITCHES - INFORMATION_FLAGS - PRINT_FLAGS)
WITHOUT_MODEL = sorted(SUBCOMMANDS - {command[0] for command in MODEL_SUBCOMMANDS})


def test_a_flag_has_one_form_and_every_command_that_needs_a_model_is_a_command() -> None:
    assert len(FLAGS) == sum(map(len, (SWITCHES, FLAGS_WITH_VALUE, FLAGS_WITH_OPTIONAL_VALUE, FLAGS_WITH_VALUES)))
    assert FLAGS >= PRINT_FLAGS | INFORMATION_FLAGS
    assert {command[0] for command in MODEL_SUBCOMMANDS} <= SUBCOMMANDS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-p", "hi"], ClientWords(("-p",), ("hi",))),
        (["-pc", "hi"], ClientWords(("-p", "-c"), ("hi",))),
        (["--settings", "mcp", "hi"], ClientWords(("--settings",), ("hi",))),
        (["--settings=x", "mcp", "list"], ClientWords(("--settings",), ("mcp", "list"))),
        (["--settings", "--verbose", "hi"], ClientWords(("--settings",), ("hi",))),
        (["--resume", "mcp"], ClientWords(("--resume",), ())),
        (["--resume", "--verbose", "mcp"], ClientWords(("--resume", "--verbose"), ("mcp",))),
        (["--add-dir", "a", "b", "-p", "mcp"], ClientWords(("--add-dir", "-p"), ("mcp",))),
        (["--tools", "", "--", "mcp", "-x"], ClientWords(("--tools",), ("mcp", "-x"))),
        (["hi", "--verbose", "-"], ClientWords(("--verbose",), ("hi", "-"))),
        (["mcp", "add", "--verbose"], ClientWords((), ("mcp", "add", "--verbose"))),
        (["--settings"], ClientWords(("--settings",), ())),
    ],
)
def test_words_are_taken_apart(words: list[str], expected: ClientWords) -> None:
    assert read_client_words(words) == expected


@given(
    st.lists(st.sampled_from(PLAIN_SWITCHES)),
    st.lists(st.tuples(st.sampled_from(sorted(FLAGS_WITH_VALUE)), st.text())),
    st.sampled_from(WITHOUT_MODEL),
    st.lists(st.text().filter(lambda word: word not in {*PRINT_FLAGS, "-h", "--help", "--"})),
)
def test_a_command_is_found_behind_any_flags_and_is_a_prompt_with_print(
    switches: list[str], valued: list[tuple[str, str]], command: str, rest: list[str]
) -> None:
    flags = [*switches, *(word for pair in valued for word in pair)]

    assert not talks_to_a_model([*flags, command, *rest])
    assert talks_to_a_model(["-p", *flags, command, *rest])
    assert talks_to_a_model([*flags, command, *rest, "--print"])


@pytest.mark.parametrize(
    ("words", "needs_a_model"),
    [
        ([], True),
        (["fix it"], True),
        (["-v"], False),
        (["-p", "x", "--version"], False),
        (["--append-system-prompt", "-v"], True),
        (["-p", "--", "-v"], True),
        (["--help"], False),
        (["agents"], True),
        (["agents", "--json"], False),
        (["agents", "--help"], False),
        (["auto-mode", "defaults"], False),
        (["auto-mode", "critique"], True),
        (["plugins", "eval"], True),
        (["mcp", "add", "x", "--", "run", "-p", "3"], False),
        (["mcp", "add", "x", "run", "-p", "3"], True),
        (["--of-a-newer-release", "mcp", "list"], True),
    ],
)
def test_what_needs_a_model(words: list[str], needs_a_model: bool) -> None:
    assert talks_to_a_model(words) is needs_a_model
