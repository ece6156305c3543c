"""Whose each word of the command line is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.cli.command_line import CommandLine, split_command_line
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
def test_what_holds_none_of_our_flags_reaches_the_client_as_it_is(words: list[str]) -> None:
    assert split_command_line(words, FLAGS) == CommandLine((), tuple(words))


@given(st.lists(CLIENTS_WORDS, min_size=1), st.lists(st.text() | st.sampled_from([*FLAGS, "--", "serve"])))
def test_a_separator_after_words_of_the_client_is_the_clients_and_so_is_all_that_follows(
    before: list[str], after: list[str]
) -> None:
    words = [*before, "--", *after]

    assert split_command_line(words, FLAGS) == CommandLine((), tuple(words))


@given(st.lists(st.text() | st.sampled_from([*FLAGS, "--", "serve"])))
def test_a_leading_separator_is_ours_and_gives_the_client_everything(after: list[str]) -> None:
    assert split_command_line(["--", *after], FLAGS) == CommandLine((), tuple(after))


@given(st.lists(CLIENTS_WORDS.filter(lambda word: word not in {"mcp"})), st.text(), st.integers(min_value=0))
def test_our_flags_are_found_between_the_clients_words(words: list[str], value: str, place: int) -> None:
    place %= len(words) + 1
    mixed = [*words[:place], "--mode", value, *words[place:]]

    assert split_command_line(mixed, FLAGS) == CommandLine(("--mode", value), tuple(words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mode=ollama", "-p", "hi"], CommandLine(("--mode=ollama",), ("-p", "hi"))),
        (["-p", "hi", "--print-env"], CommandLine(("--print-env",), ("-p", "hi"))),
        (["--print-env=1"], CommandLine((), ("--print-env=1",))),
        (["--help"], CommandLine(("--help",), ())),
        (["-p", "--help"], CommandLine((), ("-p", "--help"))),
        (["--", "--help"], CommandLine((), ("--help",))),
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
        (["--", "explain"], CommandLine((), ("explain",))),
        (["--", "prompt", "--show"], CommandLine((), ("prompt", "--show"))),
        (["--", "serve"], CommandLine((), ("serve",))),
    ],
)
def test_the_rules_at_their_edges(words: list[str], expected: CommandLine) -> None:
    assert split_command_line(words, FLAGS) == expected


def test_a_flag_without_its_value_is_refused_by_name() -> None:
    with pytest.raises(InvalidSetting, match="--mode"):
        split_command_line(["-p", "--mode"], FLAGS)
