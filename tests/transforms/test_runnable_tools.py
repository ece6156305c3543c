"""Tools that the gateway runs are offered to the model; the client's and those of others stay as they are."""

import pytest

from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext, RunnableTools, runnable_name

SEARCH = Tool("web_search", type="web_search_20250305", extra={"max_uses": 3})
FETCH = Tool("web_fetch", type="web_fetch_20250910")
CODE = Tool("code_execution", type="code_execution_20250522")
OWN = Tool("look", input_schema={"type": "object"})


def offered(*tools: Tool, runnable: frozenset[str]) -> tuple[Tool, ...]:
    request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),), tools=tools)
    transform = RunnableTools()
    changed = transform(request, PromptContext(server_tools=runnable))
    assert transform(changed, PromptContext(server_tools=runnable)) is changed
    return changed.tools


def test_what_runs_gets_a_description_and_a_schema() -> None:
    search, *rest = offered(SEARCH, OWN, CODE, FETCH, runnable=frozenset({"web_search"}))

    assert search.input_schema is not None
    assert search.description
    assert search.name == "web_search"
    assert rest == [OWN, CODE, FETCH]


def test_nothing_runs_unless_it_was_switched_on() -> None:
    assert offered(SEARCH, OWN, runnable=frozenset()) == (SEARCH, OWN)


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (SEARCH, "web_search"),
        (FETCH, "web_fetch"),
        (Tool("find", type="web_search_20290101"), "web_search"),
        (CODE, None),
        (OWN, None),
        (Tool("web_search", input_schema={}), None),
        (Tool("x"), None),
    ],
)
def test_the_type_says_what_a_tool_is(tool: Tool, name: str | None) -> None:
    assert runnable_name(tool) == name
