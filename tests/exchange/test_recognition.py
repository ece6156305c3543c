"""What a request tells about its caller."""

import json

import pytest

from anyclaude.exchange.caller import Caller, caller_of
from anyclaude.exchange.recognition import recognise
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, decode_request

CLIENT = caller_of({"x-claude-code-session-id": "s"})
STRANGER = caller_of({})
READ: JsonObject = {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}
SEARCH: JsonObject = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
QUERY = "Perform a web search for the query: csv"
SCHEMA: JsonObject = {"format": {"type": "json_schema", "schema": {"type": "object"}}}


def asked(text: str = "Hello", **fields: object) -> MessagesRequest:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **fields}
    return decode_request(json.dumps(body).encode())


AUXILIARY_CALLS = {
    "a title": asked("Name this.", output_config=SCHEMA),
    "a web search": asked(QUERY, tools=[SEARCH]),
    "a web page": asked("\nWeb page content:\n---\n# Page\n---\n\nWhat is it about?"),
    "a quota probe": asked("quota", max_tokens=1),
}
OTHER_CALLS = {
    "a first turn": asked(tools=[READ]),
    "a turn without tools": asked(),
    "a long answer to the word": asked("quota"),
    "structured output with tools": asked(tools=[READ], output_config=SCHEMA),
    "the user's own search": asked(QUERY, tools=[READ]),
    "a conversation": asked(
        messages=[{"role": role, "content": "Hello"} for role in ("user", "assistant", "user")], output_config=SCHEMA
    ),
}


@pytest.mark.parametrize("request_", AUXILIARY_CALLS.values(), ids=AUXILIARY_CALLS)
def test_side_calls_of_older_clients_are_recognise(request_: MessagesRequest) -> None:
    assert recognise(CLIENT, request_).request_class == "auxiliary"
    assert recognise(CLIENT, request_).conversation != CLIENT.conversation


@pytest.mark.parametrize("request_", OTHER_CALLS.values(), ids=OTHER_CALLS)
def test_everything_else_may_be_the_main_conversation(request_: MessagesRequest) -> None:
    assert recognise(CLIENT, request_) == CLIENT


def test_what_the_client_calls_itself_is_believed_and_others_are_not_judged() -> None:
    main = caller_of({"x-claude-code-session-id": "s", "x-claude-code-request-class": "main"})

    assert recognise(main, AUXILIARY_CALLS["a title"]).request_class == "main"
    assert recognise(STRANGER, AUXILIARY_CALLS["a title"]).request_class == "unknown"


def conversation(request: MessagesRequest, caller: Caller = STRANGER) -> str:
    return recognise(caller, request).conversation


def test_the_turns_of_a_conversation_without_a_session_belong_together() -> None:
    marked = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    first = asked(messages=[{"role": "user", "content": marked}], system="Be brief.", tools=[READ])
    turns = [("user", "Hello"), ("assistant", "Good day."), ("user", "Bye")]
    messages = [{"role": role, "content": text} for role, text in turns]
    second = asked(messages=messages, system=[{"type": "text", "text": "Be brief."}], tools=[READ])

    assert conversation(first) == conversation(second)


def test_conversations_that_begin_differently_are_kept_apart() -> None:
    requests = [asked(), asked("Good day"), asked(system="Be brief."), asked(tools=[READ]), asked("", system="Hello")]

    assert len({conversation(request) for request in requests}) == len(requests)


def test_a_session_says_more_than_how_a_conversation_begins() -> None:
    assert conversation(asked(), CLIENT) == conversation(asked("Bye"), CLIENT) == CLIENT.conversation
