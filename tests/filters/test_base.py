"""Filters between a decoder and the message stream: their context, their chaining, and the deltas they deliver."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.exchange_events import Recorder
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.raw_backend import raw_backend
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.filters import FilterChain, FilterContext, FilterFactory, chain_for
from anyclaude.observability.journal import Journal
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta
from anyclaude.protocol.messages_request import Tool
from anyclaude.server import open_gateway

CONTEXT = FilterContext((Tool("Read"),), profile_named("llamacpp"), "local-model")
START, END = "<<", ">>"


class Bracketed:
    """Reads `<<{"name": ..., "arguments": {...}}>>` as a tool call; everything else stays text."""

    def __init__(self, context: FilterContext) -> None:
        self._names = {tool.name for tool in context.tools}
        self._held = ""
        self._calls = 0

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Hold back text that may begin a call."""
        delivered: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, TextDelta):
                self._held += delta.text
                delivered += self._released()
            else:
                if isinstance(delta, Finished):
                    delivered += self.finish()
                delivered.append(delta)
        return delivered

    def finish(self) -> list[Delta]:
        """Release the text that did not become a call."""
        held, self._held = self._held, ""
        return [TextDelta(held)] if held else []

    def _released(self) -> list[Delta]:
        delivered: list[Delta] = []
        while END in self._held and START in self._held:
            written, _, self._held = self._held.partition(END)
            text, _, body = written.partition(START)
            delivered += [TextDelta(text)] if text else []
            delivered.append(self._call(body))
        if START not in self._held and not self._held.endswith(START[0]):
            delivered += self.finish()
        return delivered

    def _call(self, body: str) -> Delta:
        written = f"{START}{body}{END}"
        call = json.loads(body)
        if call["name"] not in self._names:
            return TextDelta(written)
        self._calls += 1
        return ToolCallDelta(self._calls, call["name"], json.dumps(call["arguments"]), written=written)


def bracketed(context: FilterContext) -> Bracketed | None:
    """Return a filter if the request has tools."""
    return Bracketed(context) if context.tools else None


CALL = '<<{"name": "Read", "arguments": {"path": "/notes"}}>>'


@given(st.lists(st.integers(0, len(CALL) + 12), max_size=6))
def test_the_call_does_not_depend_on_the_split_of_the_text(cuts: list[int]) -> None:
    text = f"Let me {CALL} look"
    edges = [0, *sorted(cuts), len(text)]
    pieces = [TextDelta(text[start:end]) for start, end in itertools.pairwise(edges)]
    chain = FilterChain([Bracketed(CONTEXT)])
    deltas = [delta for piece in pieces for delta in chain.feed([piece])] + list(chain.feed([Finished("end_turn")]))

    texts = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    calls = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert texts == "Let me  look"
    assert calls == [ToolCallDelta(1, "Read", '{"path": "/notes"}', written=CALL)]
    assert deltas[-1] == Finished("end_turn")


def test_text_that_a_filter_holds_back_passes_the_next_filters() -> None:
    class UpperCase:
        def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
            return [TextDelta(delta.text.upper()) if isinstance(delta, TextDelta) else delta for delta in deltas]

        def finish(self) -> list[Delta]:
            return []

    chain = FilterChain([Bracketed(CONTEXT), UpperCase()])

    assert list(chain.feed([TextDelta("maybe <")])) == []
    assert list(chain.finish()) == [TextDelta("MAYBE <")]


def test_without_filters_there_is_no_chain() -> None:
    without_tools = replace(CONTEXT, tools=())

    assert chain_for(CONTEXT, ()) is None
    assert chain_for(without_tools, (bracketed,)) is None
    assert chain_for(CONTEXT, (bracketed,)) is not None


async def test_a_call_written_as_text_reaches_the_client_as_a_tool_use_and_the_listeners_as_written(
    tmp_path: Path,
) -> None:
    options, recorder = replace(QUICK, filters=(bracketed,)), Recorder()
    tools = [{"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object"}}]
    async with (
        raw_backend() as backend,
        open_gateway(options, (target_at(backend.base_url),), Journal(tmp_path), listeners=[recorder]) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt(tools=tools), CLAUDE_CODE))
        await (await backend.next_request()).reply("Let me look. <", CALL[1:30], CALL[30:])
        verdict = judge((await client.response()).body)

    assert verdict.outcome == "whole"
    assert verdict.texts() == ["Let me look. "]
    assert verdict.stop_reason == "tool_use"
    assert list(recorder.ends[0].written_calls.values()) == [CALL]
    assert list(recorder.ends[0].raw_arguments.values()) == ['{"path": "/notes"}']


class Renaming:
    """Renames the argument `path`, and passes on what the model wrote."""

    def __init__(self, context: FilterContext) -> None:
        pass

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Repair each call, which arrives in one piece."""
        return [
            replace(delta, arguments=delta.arguments.replace("path", "file_path"), raw_arguments=delta.arguments)
            if isinstance(delta, ToolCallDelta)
            else delta
            for delta in deltas
        ]

    def finish(self) -> list[Delta]:
        """Return nothing: nothing is held back."""
        return []


FUNCTION = {"name": "Read", "arguments": '{ "path": "/notes" }'}


@pytest.mark.parametrize(
    ("made", "sent", "returned", "message"),
    [
        (
            bracketed,
            {"content": f"Let me look. {CALL}\n"},
            {"path": "/notes", "limit": None},
            {"role": "assistant", "content": f"Let me look. {CALL}\n"},
        ),
        (
            Renaming,
            {"tool_calls": [{"index": 0, "id": "c", "function": FUNCTION}]},
            {"file_path": "/notes"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call00001", "type": "function", "function": FUNCTION}],
            },
        ),
    ],
)
async def test_a_call_goes_back_to_the_model_as_it_wrote_it_whatever_the_client_received(
    tmp_path: Path, made: FilterFactory, sent: object, returned: object, message: object
) -> None:
    tools = [{"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object"}}]
    question = {"role": "user", "content": "Look."}
    async with raw_backend() as backend:
        target = target_at(backend.base_url)
        target = replace(target, profile=replace(target.profile, written_calls="as_text"))
        async with (
            running_gateway(tmp_path, target, options=replace(QUICK, filters=(made,))) as gateway,
            connected(gateway.base_url) as client,
        ):
            await client.send(request("POST", "/v1/messages", prompt(tools=tools, messages=[question]), CLAUDE_CODE))
            reply = await backend.next_request()
            await reply.begin()
            await reply.event({"choices": [{"delta": sent, "finish_reason": None}]})
            await reply.finish()
            blocks = [
                {"type": "text", "text": block.text}
                if block.kind == "text"
                else {"type": "tool_use", "id": block.id, "name": block.name, "input": returned}
                for block in judge((await client.response()).body).blocks
            ]
            (call,) = [block for block in blocks if block["type"] == "tool_use"]
            result = {"type": "tool_result", "tool_use_id": call["id"], "content": "notes"}
            history = [question, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
            await client.send(request("POST", "/v1/messages", prompt(tools=tools, messages=history), CLAUDE_CODE))
            follow_up = await backend.next_request()
            await follow_up.reply("Done.")
            await client.response()

    messages = json.loads(follow_up.body)["messages"]
    assert messages[1] == message
    assert messages[2] == {"role": "tool", "tool_call_id": "call00001", "content": "notes"}
