"""The caller of a request, recognised by its body."""

import json

import pytest

from anyclaude.exchange.caller import Caller, caller_of
from anyclaude.exchange.recognition import recognise
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, decode_request

CLIENT = caller_of({"x-claude-code-session-id": "s"})
OTHER_CLIENT = caller_of({})
READ: JsonObject = {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}
SEARCH: JsonObject = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
QUERY = "Perform a web search for the query: csv"
SCHEMA: JsonObject = {"format": {"type": "json_schema", "schema": {"type": "object"}}}


def request(text: str = "Hello", **fields: object) -> MessagesRequest:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **fields}
    return decode_request(json.dumps(body).encode())


AUXILIARY_CALLS = {
    "a title": request("Name this.", output_config=SCHEMA),
    "a web search": request(QUERY, tools=[SEARCH]),
    "a web page": request("\nWeb page content:\n---\n# Page\n---\n\nWhat is it about?"),
    "a quota probe": request("quota", max_tokens=1),
}
OTHER_CALLS = {
    "a first turn": request(tools=[READ]),
    "a turn without tools": request(),
    "a long reply to the same word": request("quota"),
    "structured output with tools": request(tools=[READ], output_config=SCHEMA),
    "the user's own search": request(QUERY, tools=[READ]),
    "a conversation": request(
        messages=[{"role": role, "content": "Hello"} for role in ("user", "assistant", "user")], output_config=SCHEMA
    ),
}


@pytest.mark.parametrize("call", AUXILIARY_CALLS.values(), ids=AUXILIARY_CALLS)
def test_auxiliary_calls_of_older_clients_are_recognised(call: MessagesRequest) -> None:
    assert recognise(CLIENT, call).request_class == "auxiliary"
    assert recognise(CLIENT, call).conversation != CLIENT.conversation


@pytest.mark.parametrize("call", OTHER_CALLS.values(), ids=OTHER_CALLS)
def test_other_requests_keep_their_caller(call: MessagesRequest) -> None:
    assert recognise(CLIENT, call) == CLIENT


def test_a_stated_class_is_kept_and_other_clients_are_not_classified() -> None:
    main = caller_of({"x-claude-code-session-id": "s", "x-claude-code-request-class": "main"})

    assert recognise(main, AUXILIARY_CALLS["a title"]).request_class == "main"
    assert recognise(OTHER_CLIENT, AUXILIARY_CALLS["a title"]).request_class == "unknown"


def conversation(request: MessagesRequest, caller: Caller = OTHER_CLIENT) -> str:
    return recognise(caller, request).conversation


def test_all_turns_of_a_conversation_without_a_session_have_the_same_key() -> None:
    marked = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    first = request(messages=[{"role": "user", "content": marked}], system="Be brief.", tools=[READ])
    turns = [("user", "Hello"), ("assistant", "Good day."), ("user", "Bye")]
    messages = [{"role": role, "content": text} for role, text in turns]
    second = request(messages=messages, system=[{"type": "text", "text": "Be brief."}], tools=[READ])

    assert conversation(first) == conversation(second)


def test_conversations_that_begin_differently_have_different_keys() -> None:
    requests = [
        request(),
        request("Good day"),
        request(system="Be brief."),
        request(tools=[READ]),
        request("", system="Hello"),
    ]

    assert len({conversation(each) for each in requests}) == len(requests)


def test_with_a_session_the_beginning_of_a_conversation_does_not_matter() -> None:
    assert conversation(request(), CLIENT) == conversation(request("Bye"), CLIENT) == CLIENT.conversation
