"""A model that only repeats one call: the official SDK plays the loop, and the gateway ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from anthropic.types import Message, MessageParam, TextBlock, ToolParam, ToolResultBlockParam, ToolUseBlock
from msgspec.structs import replace
from tests.parts.chat_reply import call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.json_at import at
from tests.sdk.clients import HELLO, MODEL, SdkSetup, async_client, sdk_setup

from anyclaude.bounds import REPEATED_CALLS
from anyclaude.transforms.repeated_calls import TEMPERATURE

SESSION = {"x-claude-code-session-id": "session-1"}
READ: ToolParam = {"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object"}}
STUCK = reply(say("I read it."), call("Read", file_path="/missing"))
MISSING = "File does not exist."
MAX_ROUNDS = 12


async def played(
    setup: SdkSetup,
    result: Callable[[int], str] = lambda number: MISSING,
    history: list[MessageParam] | None = None,
    *,
    streaming: bool = True,
) -> list[Message]:
    """Run each call that the model makes until it makes none, and return its replies; `history` grows by them."""
    history = history if history is not None else [*HELLO]
    replies: list[Message] = []
    while len(replies) < MAX_ROUNDS:
        replies.append(await _next_reply(setup, history, streaming))
        history.append({"role": "assistant", "content": replies[-1].content})
        calls = [block for block in replies[-1].content if isinstance(block, ToolUseBlock)]
        if not calls:
            break
        results: list[ToolResultBlockParam] = [
            {"type": "tool_result", "tool_use_id": one.id, "content": result(len(replies))} for one in calls
        ]
        history.append({"role": "user", "content": results})
    return replies


async def _next_reply(setup: SdkSetup, history: list[MessageParam], streaming: bool) -> Message:
    if not streaming:
        return await setup.client.messages.create(
            model=MODEL, max_tokens=50, messages=history, tools=[READ], extra_headers=SESSION
        )
    async with setup.client.messages.stream(
        model=MODEL, max_tokens=50, messages=history, tools=[READ], extra_headers=SESSION
    ) as stream:
        return await stream.get_final_message()


def notes_in(request: ChatRequest) -> int:
    """Return how many notes about repeated calls the model has read."""
    return sum("You have now made the same call" in message.text for message in request.messages)


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_call_that_is_only_repeated_ends_with_a_sentence_to_the_user(tmp_path: Path, streaming: bool) -> None:
    async with sdk_setup(tmp_path, always(STUCK)) as setup:
        replies = await played(setup, streaming=streaming)
        records = setup.gateway.records()

    requests = setup.server.requests
    assert len(replies) == REPEATED_CALLS + 1
    assert len(requests) == REPEATED_CALLS
    assert [notes_in(request) for request in requests] == [0, 0, 0, 1, 1]
    assert [request.raw.get("temperature") for request in requests] == [None] * 4 + [TEMPERATURE]

    (text,) = replies[-1].content
    assert isinstance(text, TextBlock)
    assert 'Read {"file_path":"/missing"}' in text.text
    assert f"{REPEATED_CALLS} times" in text.text
    assert "repeated_calls" in text.text
    assert replies[-1].stop_reason == "end_turn"
    assert (replies[-1].usage.input_tokens, replies[-1].usage.output_tokens) == (0, 0)

    repeated = [record["repeated_calls"] for record in records]
    assert repeated[:3] == [None] * 3
    assert [(at(entry, "rounds"), at(entry, "measure")) for entry in repeated[3:]] == [
        (3, "told"),
        (4, "resampled"),
        (5, "ended"),
    ]
    assert at(records[-1], "repeated_calls", "tools") == ["Read"]
    assert (records[-1]["outcome"], records[-1]["route"], records[-1]["attempts"]) == ("completed", None, 0)


async def test_polling_a_build_is_never_ended(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(STUCK)) as setup:
        replies = await played(setup, lambda number: f"{number} files compiled")

    assert len(replies) == MAX_ROUNDS
    assert notes_in(setup.server.requests[-1]) == 0


async def test_a_model_that_listens_to_the_note_goes_on(tmp_path: Path) -> None:
    def listening(request: ChatRequest) -> Answer:
        return reply(say("There is no such file.")) if notes_in(request) else STUCK

    async with sdk_setup(tmp_path, listening) as setup:
        replies = await played(setup)

    assert [reply.stop_reason for reply in replies] == ["tool_use"] * 3 + ["end_turn"]


async def test_after_the_end_the_user_can_go_on(tmp_path: Path) -> None:
    def persuaded(request: ChatRequest) -> Answer:
        return reply(say("I will.")) if "Create it." in request.messages[-1].text else STUCK

    async with sdk_setup(tmp_path, persuaded) as setup:
        history: list[MessageParam] = [*HELLO]
        await played(setup, history=history)
        history.append({"role": "user", "content": "Create it."})
        answer = await _next_reply(setup, history, streaming=True)

    assert [block.text for block in answer.content if isinstance(block, TextBlock)] == ["I will."]


async def test_the_setting_0_never_ends_a_turn(tmp_path: Path) -> None:
    async with (
        chat_server(always(STUCK)) as server,
        running_gateway(tmp_path, target_at(server.base_url), options=replace(QUICK, repeated_calls=0)) as gateway,
        async_client(gateway.base_url) as client,
    ):
        replies = await played(SdkSetup(server, gateway, client))

    assert len(replies) == MAX_ROUNDS
    assert all(request.raw.get("temperature") is None for request in server.requests)
    assert all(record["repeated_calls"] is None for record in gateway.records())
