"""`anyclaude doctor`: what was learned about servers is shown, and forgotten."""

import io

import pytest
from tests.parts.command import Command

from anyclaude.backends import LearnedAmendments, LearnedFor
from anyclaude.cli.doctor import forget, server_meant, show
from anyclaude.profiles import Amendment

SERVER = "http://127.0.0.1:8000/v1"
NO_STOP = Amendment("omitted_fields", "stop", "Unsupported parameter: 'stop'")
NO_TOP_P = Amendment("omitted_fields", "top_p", "Unknown parameter: 'top_p'")


@pytest.fixture
def learned() -> LearnedAmendments:
    """Two amendments for one model, and one for a model of another server."""
    learned = LearnedAmendments()
    learned.keep(LearnedFor(SERVER, "qwen", "0.11"), [NO_STOP, NO_TOP_P])
    learned.keep(LearnedFor("http://10.0.0.2/v1", "glm"), [NO_STOP])
    return learned


def shown(learned: LearnedAmendments, server: str | None = None) -> str:
    out = io.StringIO()
    show(learned, server, out)
    return out.getvalue()


def test_it_shows_by_server_and_model_what_was_learned_and_why(learned: LearnedAmendments) -> None:
    assert shown(learned).splitlines() == [
        "http://127.0.0.1:8000/v1 · qwen, version 0.11",
        "  omitted_fields: stop",
        "    because it said: Unsupported parameter: 'stop'",
        "  omitted_fields: top_p",
        "    because it said: Unknown parameter: 'top_p'",
        "http://10.0.0.2/v1 · glm",
        "  omitted_fields: stop",
        "    because it said: Unsupported parameter: 'stop'",
    ]


def test_it_shows_one_server_if_one_is_named(learned: LearnedAmendments) -> None:
    assert "qwen" not in shown(learned, "http://10.0.0.2/v1")


def test_it_says_so_if_nothing_was_learned(learned: LearnedAmendments) -> None:
    assert shown(LearnedAmendments()).startswith("Nothing was learned: ")
    assert shown(learned, "http://10.0.0.3/v1").startswith("Nothing was learned about http://10.0.0.3/v1: ")


@pytest.mark.parametrize("text", [SERVER, "http://127.0.0.1:8000", "127.0.0.1:8000", f"{SERVER}/chat/completions"])
def test_a_server_may_be_named_in_any_way_that_a_setting_may(text: str, learned: LearnedAmendments) -> None:
    assert server_meant(text, learned) == SERVER


def test_the_embedded_engine_has_a_name_in_place_of_an_address(learned: LearnedAmendments) -> None:
    learned.keep(LearnedFor("embedded", "smol"), [NO_STOP])

    assert server_meant("embedded", learned) == "embedded"
    assert server_meant(None, learned) is None


def test_it_forgets_and_says_how_much(learned: LearnedAmendments) -> None:
    out = io.StringIO()
    forget(learned, SERVER, out)
    forget(learned, None, out)

    assert out.getvalue() == "Forgotten: 2 amendments.\nForgotten: 1 amendment.\n"
    assert learned.all() == []


async def test_the_command_reads_the_file_that_the_gateway_writes(command: Command) -> None:
    file = command.home / ".anyclaude" / "learned.jsonl"
    LearnedAmendments(file).keep(LearnedFor(SERVER, "qwen"), [NO_STOP])

    assert "omitted_fields: stop" in (await command.ran("doctor"))[1]
    assert (await command.ran("doctor", "--forget"))[1] == "Forgotten: 1 amendment.\n"
    assert LearnedAmendments(file).all() == []
