"""Tool descriptions become shorter, and tools accept the same inputs."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import Diet, PromptContext, ShorterTools
from anyclaude.transforms.text_units import units_of
from anyclaude.transforms.tool_text import BOUNDS, shortened

REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))

RULES = """Edits a file.

Some history that is of no use.

- Be quick about it whenever you can.
- The edit fails if `old_string` is not unique.

## When NOT to use it

Skip it when:
1. There is only one task
2. There is no task
"""

PIECES = st.sampled_from(
    ["# A\n", "## B\n", "- item. more.\n", "1. `path` is there\n", "Words. And more.\n", "When:\n", "\n", "```\n"]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, min_size=1, max_size=20).map("".join))


def tool(description: str) -> Tool:
    schema: JsonObject = {"type": "object", "title": "T", "properties": {"path": {"type": "string", "title": "Path"}}}
    return Tool("Edit", description, schema)


def prepared(diet: Diet, *tools: Tool) -> tuple[Tool, ...]:
    return ShorterTools()(replace(REQUEST, tools=tools), PromptContext(diet=diet)).tools


def test_a_short_description_is_not_changed() -> None:
    assert shortened(RULES, len(RULES), ()) == RULES


def test_the_beginning_and_the_rule_about_a_parameter_are_kept() -> None:
    assert shortened(RULES, 90, ("old_string",)) == ("Edits a file.\n\n- The edit fails if `old_string` is not unique.")


def test_a_list_is_never_kept_without_its_introduction() -> None:
    kept = shortened(RULES + "3. It needs the `path` of a file\n", 150, ("path",))

    assert "## When NOT to use it\n\nSkip it when:\n3. It needs the `path`" in kept


def test_the_introduction_of_a_list_is_never_kept_without_an_item() -> None:
    assert shortened(f"Finds.\n\nKinds are:\n- {'x' * 90}\n- {'y' * 90}\n\nWords.", 40, ()) == "Finds."


def test_a_long_first_paragraph_is_cut_after_a_sentence() -> None:
    assert shortened("One sentence. Another one. A third.\n\nMore.", 30, ()) == "One sentence. Another one."


@given(TEXTS, st.integers(1, 80))
def test_it_is_idempotent_and_stays_within_the_limit_or_one_sentence(text: str, limit: int) -> None:
    once = shortened(text, limit, ("path",))

    assert shortened(once, limit, ("path",)) == once
    assert len(once) <= limit or text.startswith(once)


@given(TEXTS.filter(lambda text: len(units_of(text)) > 1), st.integers(1, 80))
def test_every_kept_line_is_unchanged_and_in_its_order(text: str, limit: int) -> None:
    position = 0
    for line in shortened(text, limit, ("path",)).splitlines():
        position = text.index(line, position) + len(line)


@pytest.mark.parametrize("diet", ["lean", "minimal"])
def test_a_diet_bounds_every_description(diet: Diet) -> None:
    (shorter,) = prepared(diet, tool("A sentence of words.\n\n" * 500))

    assert len(shorter.description) <= BOUNDS[diet].tool
    assert shorter.input_schema == {"type": "object", "properties": {"path": {"type": "string"}}}


def test_the_full_diet_returns_the_same_request() -> None:
    request = replace(REQUEST, tools=(tool("x" * 9_999),))

    assert ShorterTools()(request, PromptContext(diet="full")) is request


def test_a_server_tool_is_not_changed() -> None:
    server_tool = Tool("web_search", type="web_search_20250305")

    assert prepared("minimal", server_tool) == (server_tool,)


def test_a_tool_that_is_added_later_does_not_change_the_others() -> None:
    before, after = tool(RULES * 20), tool("Joined later.")

    assert prepared("minimal", before, after)[:1] == prepared("minimal", before)


@given(st.lists(st.sampled_from(get_args(Diet)), max_size=6))
def test_a_reused_step_gives_the_results_of_a_new_one(diets: list[Diet]) -> None:
    request, step = replace(REQUEST, tools=(tool("Edits a file. " * 200),)), ShorterTools()

    for diet in diets:
        assert step(request, PromptContext(diet=diet)) == ShorterTools()(request, PromptContext(diet=diet))
