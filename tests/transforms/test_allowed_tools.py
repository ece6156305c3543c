"""Only the allowed tools are sent to the model."""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice, Turn
from anyclaude.transforms import AllowedTools, PromptContext

TOOLS = tuple(Tool(name) for name in ("Bash", "Read", "mcp__github__get", "mcp__github__list"))
REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),), tools=TOOLS)


def remaining(request: MessagesRequest, *allowed: str) -> list[str]:
    return [tool.name for tool in AllowedTools()(request, PromptContext(allowed_tools=frozenset(allowed))).tools]


def test_tools_that_match_a_name_or_pattern_stay_in_their_order() -> None:
    assert remaining(REQUEST, "mcp__github__*", "Bash") == ["Bash", "mcp__github__get", "mcp__github__list"]


def test_a_name_matches_only_the_whole_name_in_the_same_case() -> None:
    assert remaining(REQUEST, "bash", "Rea") == []


def test_the_tool_that_a_request_requires_stays() -> None:
    assert remaining(replace(REQUEST, tool_choice=ToolChoice("tool", "Read")), "Bash") == ["Bash", "Read"]


def test_without_a_list_the_same_request_is_returned() -> None:
    assert AllowedTools()(REQUEST, PromptContext()) is REQUEST


def test_a_list_that_allows_everything_returns_the_same_request() -> None:
    assert AllowedTools()(REQUEST, PromptContext(allowed_tools=frozenset({"*"}))) is REQUEST
