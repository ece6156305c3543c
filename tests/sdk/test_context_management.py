"""Context editing (beta `context-management-2025-06-27`) through the official SDK."""

from pathlib import Path

import pytest
from anthropic.types.beta import (
    BetaClearToolUses20250919EditParam,
    BetaContextManagementConfigParam,
    BetaMessage,
    BetaMessageParam,
)
from msgspec.structs import replace
from pydantic import TypeAdapter
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.json_at import at
from tests.sdk.clients import LLAMACPP, MODEL, SdkSetup, parse_strictly, sdk_setup

from anyclaude.protocol.json_values import encode_json
from anyclaude.transforms.clear_tool_uses import PLACEHOLDER

BETAS = ["context-management-2025-06-27"]
DONE = always(reply(say("Done.")))
CLEARING: BetaClearToolUses20250919EditParam = {
    "type": "clear_tool_uses_20250919",
    "trigger": {"type": "input_tokens", "value": 600},
    "keep": {"type": "tool_uses", "value": 1},
}
EDITS: BetaContextManagementConfigParam = {"edits": [CLEARING]}
NO_EDITS: BetaContextManagementConfigParam = {"edits": []}
RESULT = "x" * 800
"""A result of 200 tokens."""


def history(rounds: int) -> list[BetaMessageParam]:
    """Return a conversation after so many files were read."""
    messages: list[BetaMessageParam] = [{"role": "user", "content": "Fix it."}]
    for number in range(rounds):
        messages += [
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"path": f"/{number}"}}
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": RESULT}]},
        ]
    return messages


async def ask(setup: SdkSetup, rounds: int, edits: BetaContextManagementConfigParam = EDITS) -> BetaMessage:
    return await setup.client.beta.messages.create(
        model=MODEL, max_tokens=50, messages=history(rounds), betas=BETAS, context_management=edits
    )


def results(setup: SdkSetup) -> list[list[bool]]:
    """Return of each request that the server received which results were cleared."""
    return [
        [message.text == PLACEHOLDER for message in request.messages if message.role == "tool"]
        for request in setup.server.requests
    ]


@pytest.mark.moves_prefix(reason="the client wants old results cleared")
async def test_old_results_are_cleared_and_the_client_and_the_journal_learn_of_it(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        messages = [await ask(setup, rounds) for rounds in (2, 3, 4, 5)]
        records = setup.gateway.records()

    assert results(setup) == [
        [False] * 2,
        [True, True, False],
        [True, True, False, False],
        [True, True, True, True, False],
    ]
    told = [message.context_management for message in messages]
    assert [[edit.type for edit in one.applied_edits] for one in told if one] == [
        [],
        *[["clear_tool_uses_20250919"]] * 3,
    ]
    edit = told[3].applied_edits[0] if told[3] else None
    assert edit is not None
    assert edit.type == "clear_tool_uses_20250919"
    assert edit.cleared_tool_uses == 4
    assert edit.cleared_input_tokens == pytest.approx(4 * 200, rel=0.25)
    assert at(records[0], "steps") == []
    assert [at(record, "steps", 0, "name") for record in records[1:]] == ["cleared tool results"] * 3


async def test_a_stream_says_it_in_its_message_delta(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        stream = await setup.client.beta.messages.create(
            model=MODEL, max_tokens=50, messages=history(3), betas=BETAS, context_management=EDITS, stream=True
        )
        events = [event async for event in stream]

    (delta,) = [event for event in events if event.type == "message_delta"]
    assert delta.context_management is not None
    assert [edit.type for edit in delta.context_management.applied_edits] == ["clear_tool_uses_20250919"]


async def test_the_json_matches_the_sdks_types_exactly(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        response = await setup.client.beta.messages.with_raw_response.create(
            model=MODEL, max_tokens=50, messages=history(3), betas=BETAS, context_management=EDITS
        )
        text = await response.read()

    message = parse_strictly(TypeAdapter(BetaMessage), text)
    assert message.context_management is not None
    assert message.context_management.applied_edits


async def test_a_count_is_of_what_is_left_and_names_the_original(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        left, whole = [
            await setup.client.beta.messages.count_tokens(
                model=MODEL, messages=history(5), betas=BETAS, context_management=edits
            )
            for edits in (EDITS, NO_EDITS)
        ]

    assert left.context_management is not None
    assert whole.context_management is not None
    assert left.context_management.original_input_tokens == whole.input_tokens
    assert whole.context_management.original_input_tokens == whole.input_tokens
    assert whole.input_tokens - left.input_tokens == pytest.approx(4 * 200, rel=0.1)


async def test_what_claude_code_asks_for_changes_nothing(tmp_path: Path) -> None:
    edits: BetaContextManagementConfigParam = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    async with sdk_setup(tmp_path, DONE) as setup:
        messages = [await ask(setup, rounds, edits) for rounds in (3, 9)]
        records = setup.gateway.records()

    assert results(setup) == [[False] * 3, [False] * 9]
    assert [message.context_management.applied_edits for message in messages if message.context_management] == [[], []]
    assert [at(record, "dropped") for record in records] == [[], []]


async def test_an_edit_that_the_gateway_does_not_make_is_in_the_journal(tmp_path: Path) -> None:
    edits: BetaContextManagementConfigParam = {"edits": [{"type": "compact_20260112"}]}
    async with sdk_setup(tmp_path, DONE) as setup:
        message = await ask(setup, 9, edits)
        (record,) = setup.gateway.records()

    assert message.stop_reason == "end_turn"
    assert at(record, "dropped", 0, "what") == "context_management.compact_20260112"


async def test_a_client_that_asks_for_nothing_is_told_nothing(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        response = await setup.client.messages.with_raw_response.create(
            model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "Hello?"}]
        )
        text = await response.read()

    assert b"context_management" not in text


THINKING: BetaContextManagementConfigParam = {
    "edits": [{"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}}, CLEARING]
}
SENDS_THINKING = replace(LLAMACPP, earlier_reasoning="reasoning_content")
THOUGHT = "h" * 800
"""200 tokens."""


def thoughtful(turns: int) -> list[BetaMessageParam]:
    """Return a conversation of so many answers, each with its thinking, and a question."""
    question: BetaMessageParam = {"role": "user", "content": "And now?"}
    answer: BetaMessageParam = {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": ""},
            {"type": "text", "text": "So."},
        ],
    }
    return [*[question, answer] * turns, question]


@pytest.mark.moves_prefix(reason="the client wants old thinking cleared")
async def test_old_thinking_is_cleared_in_messages_streams_and_counts(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE, profile=SENDS_THINKING) as setup:
        create = setup.client.beta.messages.with_raw_response.create
        texts = [
            await (
                await create(
                    model=MODEL, max_tokens=50, messages=thoughtful(turns), betas=BETAS, context_management=THINKING
                )
            ).read()
            for turns in (1, 3)
        ]
        stream = await setup.client.beta.messages.create(
            model=MODEL, max_tokens=50, messages=thoughtful(3), betas=BETAS, context_management=THINKING, stream=True
        )
        (delta,) = [event async for event in stream if event.type == "message_delta"]
        count = await setup.client.beta.messages.count_tokens(
            model=MODEL, messages=thoughtful(3), betas=BETAS, context_management=THINKING
        )

    first, third = [parse_strictly(TypeAdapter(BetaMessage), text).context_management for text in texts]
    assert first is not None
    assert first.applied_edits == []
    for told in (third, delta.context_management):
        assert told is not None
        (edit,) = told.applied_edits
        assert edit.type == "clear_thinking_20251015"
        assert edit.cleared_thinking_turns == 2
        assert edit.cleared_input_tokens == pytest.approx(2 * 200, rel=0.25)
    assert count.context_management is not None
    assert count.context_management.original_input_tokens - count.input_tokens == pytest.approx(2 * 200, rel=0.25)
    assert [encode_json(request.raw).count(THOUGHT.encode()) for request in setup.server.requests[:2]] == [1, 1]


async def test_a_server_that_is_sent_no_thinking_has_none_cleared(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, DONE) as setup:
        message = await setup.client.beta.messages.create(
            model=MODEL, max_tokens=50, messages=thoughtful(3), betas=BETAS, context_management=THINKING
        )

    assert message.context_management is not None
    assert message.context_management.applied_edits == []
