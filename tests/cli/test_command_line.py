"""Which words of the command line are anyclaude's, and which are Claude Code's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.cli.command_line import CommandLine, split_command_line, switches_in
from anyclaude.cli.commands import COMMANDS
from anyclaude.errors import InvalidSetting

FLAGS = {"--mode": True, "--model": True, "--port": True, "--print-env": False, "--help": False, "--version": False}

CLIENTS_WORDS = st.one_of(
    st.sampled_from(
        ["-p", "-pc", "--continue", "--output-format", "json", "-", "mcp", "--allowedTools=Bash(git *)", "", "-v", "-h"]
    ),
    st.text(),
).filter(lambda word: word.partition("=")[0] not in FLAGS and word not in {"--", "serve"})


def is_not_ours(words: list[str]) -> bool:
    return not words or words[0] not in {"--", "serve"}


@given(st.lists(CLIENTS_WORDS))
def test_words_without_a_flag_of_anyclaude_reach_the_client_unchanged(words: list[str]) -> None:
    assert split_command_line(words, FLAGS, COMMANDS) == CommandLine((), tuple(words))


@given(st.lists(CLIENTS_WORDS, min_size=1), st.lists(st.text() | st.sampled_from([*FLAGS, "--", "serve"])))
def test_a_separator_after_a_word_of_the_client_reaches_the_client_with_all_that_follows(
    before: list[str], after: list[str]
) -> None:
    words = [*before, "--", *after]

    assert split_command_line(words, FLAGS, COMMANDS) == CommandLine((), tuple(words))


@given(st.lists(st.text() | st.sampled_from([*FLAGS, "--", "serve"])))
def test_a_leading_separator_is_dropped_and_everything_after_it_reaches_the_client(after: list[str]) -> None:
    assert split_command_line(["--", *after], FLAGS, COMMANDS) == CommandLine((), tuple(after), is_separated=True)


@given(st.lists(CLIENTS_WORDS.filter(lambda word: word not in {"mcp"})), st.text(), st.integers(min_value=0))
def test_flags_of_anyclaude_are_found_between_the_clients_words(words: list[str], value: str, place: int) -> None:
    place %= len(words) + 1
    mixed = [*words[:place], "--mode", value, *words[place:]]

    assert split_command_line(mixed, FLAGS, COMMANDS) == CommandLine(("--mode", value), tuple(words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mode=ollama", "-p", "hi"], CommandLine(("--mode=ollama",), ("-p", "hi"))),
        (["-p", "hi", "--print-env"], CommandLine(("--print-env",), ("-p", "hi"))),
        (["--print-env=1"], CommandLine((), ("--print-env=1",))),
        (["--help"], CommandLine(("--help",), ())),
        (["-p", "--help"], CommandLine((), ("-p", "--help"))),
        (["--", "--help"], CommandLine((), ("--help",), is_separated=True)),
        (["mcp", "add", "server", "--port", "3"], CommandLine((), ("mcp", "add", "server", "--port", "3"))),
        (["serve", "--port", "3"], CommandLine(("--port", "3"), (), command="serve")),
        (["--port", "3", "serve"], CommandLine(("--port", "3"), (), command="serve")),
        (["serve", "--nonsense"], CommandLine(("--nonsense",), (), command="serve")),
        (["-p", "serve"], CommandLine((), ("-p", "serve"))),
        (["prompt", "--show", "a.json"], CommandLine(("--show", "a.json"), (), command="prompt")),
        (["--port", "3", "prompt", "--show"], CommandLine(("--port", "3", "--show"), (), command="prompt")),
        (["prompt"], CommandLine((), ("prompt",))),
        (["explain", "req_1"], CommandLine(("req_1",), (), command="explain")),
        (["explain", "--last", "3"], CommandLine(("--last", "3"), (), command="explain")),
        (["-p", "explain"], CommandLine((), ("-p", "explain"))),
        (["--", "explain"], CommandLine((), ("explain",), is_separated=True)),
        (["--", "prompt", "--show"], CommandLine((), ("prompt", "--show"), is_separated=True)),
        (["--", "serve"], CommandLine((), ("serve",), is_separated=True)),
        (["--port", "3", "--", "serve"], CommandLine(("--port", "3"), ("serve",), is_separated=True)),
        (["--verbose", "mcp", "add", "--port", "3"], CommandLine((), ("--verbose", "mcp", "add", "--port", "3"))),
        (["--debug", "mcp", "--port", "3"], CommandLine(("--port", "3"), ("--debug", "mcp"))),
        (["-p", "mcp", "--port", "3"], CommandLine(("--port", "3"), ("-p", "mcp"))),
        (["help"], CommandLine(("--help",))),
        (["version"], CommandLine(("--version",))),
        (["help", "serve"], CommandLine(("--help",), (), command="serve")),
        (["help", "mcp"], CommandLine(("--help",), ("mcp",))),
        (["help", "help"], CommandLine(("--help", "--help"))),
        (["help", "me"], CommandLine((), ("help", "me"))),
    ],
)
def test_edge_cases(words: list[str], expected: CommandLine) -> None:
    assert split_command_line(words, FLAGS, COMMANDS) == expected


def test_a_flag_without_its_value_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="--mode"):
        split_command_line(["-p", "--mode"], FLAGS, COMMANDS)


def test_a_value_that_looks_like_a_switch_is_a_value() -> None:
    assert switches_in(["--mode", "--help", "--print-env"], FLAGS) == {"--mode", "--print-env"}
