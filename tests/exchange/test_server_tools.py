"""A request that only a tool of Anthropic's servers could answer gets that tool's error, and no model sees it."""

import json

import pytest

from anyclaude.exchange.own_reply import ServerToolRun
from anyclaude.exchange.server_tools import LONGEST_QUESTION, unavailable_tools_reply
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.events import WebFetchResultContent, WebSearchResultContent
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, decode_request

SEARCH: JsonValue = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
FETCH: JsonValue = {"type": "web_fetch_20250910", "name": "web_fetch"}
OWN: JsonValue = {"name": "web_search", "input_schema": {"type": "object"}}
OWN_TOOL: JsonValue = {"name": "look", "input_schema": {"type": "object"}}
SHELL: JsonValue = {"type": "bash_20250124", "name": "bash"}


def asking(*tools: JsonValue, text: str = "tides", **fields: JsonValue) -> MessagesRequest:
    messages: JsonValue = [{"role": "user", "content": text}]
    return decode_request(
        json.dumps({"model": "m", "max_tokens": 9, "messages": messages, "tools": list(tools), **fields}).encode()
    )


def run_for(request: MessagesRequest) -> ServerToolRun:
    reply = unavailable_tools_reply(request, lambda prefix: f"{prefix}_1")
    assert reply is not None
    run, text = reply
    assert isinstance(run, ServerToolRun)
    assert isinstance(text, TextDelta)
    return run


def test_a_search_gets_the_error_of_the_search_tool() -> None:
    run = run_for(asking(SEARCH, text="Perform a web search for the query: release of X"))

    assert (run.call.id, run.call.name, run.call.input) == ("srvtoolu_1", "web_search", {"query": "release of X"})
    assert run.result == WebSearchResultContent(
        "srvtoolu_1", {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    )


def test_a_page_gets_the_error_of_the_fetch_tool() -> None:
    run = run_for(asking(FETCH))

    assert run.call.name == "web_fetch"
    assert run.result == WebFetchResultContent(
        "srvtoolu_1", {"type": "web_fetch_tool_result_error", "error_code": "unavailable"}
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("code_execution_20250522", "code_execution"),
        ("code_execution_20250825", "bash_code_execution"),
        ("code_execution_20290101", "bash_code_execution"),
    ],
)
def test_a_program_gets_the_error_of_its_version_of_the_tool(kind: str, name: str) -> None:
    run = run_for(asking({"type": kind, "name": "code_execution"}))

    assert (run.call.name, run.call.input) == (name, {})
    assert run.result.content == {"type": f"{name}_tool_result_error", "error_code": "unavailable"}


def test_of_several_tools_one_fails_and_each_is_explained() -> None:
    reply = unavailable_tools_reply(asking(SEARCH, FETCH), str)

    assert reply is not None
    run, text = reply
    assert isinstance(run, ServerToolRun)
    assert isinstance(text, TextDelta)
    assert run.call.name == "web_search"
    assert "search was not run" in text.text
    assert "page was not fetched" in text.text


def test_a_tool_that_must_be_called_gets_its_error_beside_others() -> None:
    assert run_for(asking(OWN_TOOL, FETCH, tool_choice={"type": "tool", "name": "web_fetch"})).call.name == "web_fetch"


def test_of_a_long_question_only_the_beginning_is_repeated() -> None:
    assert run_for(asking(SEARCH, text="x" * 10_000)).call.input == {"query": "x" * LONGEST_QUESTION}


@pytest.mark.parametrize(
    "request_",
    [
        asking(),
        asking(OWN),
        asking(SHELL),
        asking(SEARCH, OWN),
        asking(SEARCH, SHELL),
        asking(SEARCH, tool_choice={"type": "none"}),
        asking(SEARCH, OWN_TOOL, tool_choice={"type": "tool", "name": "look"}),
        asking(SEARCH, OWN_TOOL, tool_choice={"type": "any"}),
    ],
)
def test_every_other_request_is_for_the_model(request_: MessagesRequest) -> None:
    assert unavailable_tools_reply(request_, lambda prefix: prefix) is None
