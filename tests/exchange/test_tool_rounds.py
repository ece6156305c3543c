"""Which tools the gateway runs for a request, and when it searches before the model is asked."""

import pytest
from msgspec.structs import replace

from anyclaude.exchange.tool_rounds import names_of_run_tools, query_to_begin_with
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice, Turn
from anyclaude.transforms import PromptContext, RunnableTools

SEARCH = Tool("web_search", type="web_search_20250305")
FETCH = Tool("web_fetch", type="web_fetch_20250910")
LOOK = Tool("look", input_schema={"type": "object"})
BOTH = frozenset({"web_search", "web_fetch"})
CALLS = profile_named("llamacpp")
WISHES = replace(CALLS, forces_calls_by="words")
WORDS = replace(CALLS, tools_sent_as="words")
FORCED = ToolChoice("tool", "web_search")
CLAUDE_CODE = "Perform a web search for the query: tides"


def asking(*tools: Tool, text: str = "tides?", choice: ToolChoice | None = None) -> MessagesRequest:
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", text),), tools=tools, tool_choice=choice)


@pytest.mark.parametrize(
    ("tools", "runnable", "names"),
    [
        ((SEARCH, LOOK), BOTH, {"web_search"}),
        ((SEARCH, FETCH), BOTH, BOTH),
        ((SEARCH, FETCH), frozenset({"web_fetch"}), {"web_fetch"}),
        ((SEARCH,), frozenset[str](), set[str]()),
        ((LOOK,), BOTH, set[str]()),
    ],
)
def test_what_is_switched_on_is_run(tools: tuple[Tool, ...], runnable: frozenset[str], names: set[str]) -> None:
    received = asking(*tools)
    prepared = RunnableTools()(received, PromptContext(server_tools=runnable))

    assert names_of_run_tools(received, prepared, runnable) == names


def test_a_tool_that_the_user_does_not_allow_is_not_run() -> None:
    assert not names_of_run_tools(asking(SEARCH, LOOK), asking(LOOK), BOTH)


@pytest.mark.parametrize(
    ("request_", "profile", "query"),
    [
        (asking(SEARCH, text=CLAUDE_CODE), CALLS, "tides"),
        (asking(SEARCH, LOOK, text=CLAUDE_CODE), CALLS, None),
        (asking(SEARCH), CALLS, None),
        (asking(SEARCH), WORDS, "tides?"),
        (asking(SEARCH, LOOK), WORDS, None),
        (asking(SEARCH, LOOK, choice=FORCED), CALLS, None),
        (asking(SEARCH, LOOK, choice=FORCED), WISHES, "tides?"),
        (asking(SEARCH, choice=ToolChoice("any")), WISHES, "tides?"),
        (asking(SEARCH, LOOK, choice=ToolChoice("any")), WISHES, None),
        (asking(SEARCH, text=" ", choice=FORCED), WISHES, None),
    ],
)
def test_a_search_comes_first_where_only_a_search_can_be_meant(
    request_: MessagesRequest, profile: BackendProfile, query: str | None
) -> None:

    assert query_to_begin_with(request_, profile, frozenset({"web_search"})) == query
