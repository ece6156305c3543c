"""A reply ends before the first stop sequence in its text, however the text arrives."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.chat_reply import ReplyPart, call, reply, say, think
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import raw_backend
from tests.parts.raw_client import ask, connected, prompt, request
from tests.parts.referee import judge
from tests.parts.replies import text_of
from tests.parts.splits import any_split

from anyclaude.filters import FilterContext, stop_sequences
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.json_values import JsonObject, decode_json

CONTEXT = FilterContext((), profile_named("llamacpp"), "local-model")
END = Finished("end_turn")
USAGE = UsageReported(1, 2)
THOUGHT = ThinkingDelta("END")
CALL = ToolCallDelta(0, "Read", '{"END": 1}')


def filtered(sequences: Sequence[str], *deltas: Delta) -> tuple[list[Delta], int]:
    """Return the deltas of a reply that passes the filter, and how often the filter said that it has ended it."""
    stops: list[None] = []
    made = stop_sequences(replace(CONTEXT, stop_sequences=tuple(sequences), stop=lambda: stops.append(None)))
    if made is None:
        return list(deltas), 0
    delivered = [passed for delta in deltas for passed in made.feed([delta])]
    return delivered + made.finish(), len(stops)


def first_complete(text: str, sequences: Sequence[str]) -> tuple[str, str] | None:
    """Return the text before the first sequence that is complete, and the sequence, by trying every beginning."""
    for end in range(len(text) + 1):
        complete = [sequence for sequence in sequences if text[:end].endswith(sequence)]
        if complete:
            sequence = max(complete, key=len)
            return text[: end - len(sequence)], sequence
    return None


texts = st.text("ab", max_size=24)
sequence_lists = st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=4)


@given(texts, sequence_lists, st.data())
def test_the_reply_ends_before_the_first_sequence_that_is_complete(
    text: str, sequences: list[str], data: st.DataObject
) -> None:
    pieces = data.draw(any_split(text))

    delivered, stops = filtered(sequences, *map(TextDelta, pieces), END)

    expected = first_complete(text, sequences)
    if expected is None:
        assert (text_of(delivered), delivered[-1], stops) == (text, END, 0)
    else:
        assert (text_of(delivered), delivered[-1], stops) == (expected[0], Finished("stop_sequence", expected[1]), 1)


@given(texts, sequence_lists)
def test_only_what_a_sequence_may_begin_with_is_held_back(text: str, sequences: list[str]) -> None:
    made = stop_sequences(replace(CONTEXT, stop_sequences=tuple(sequences)))
    assert made is not None

    for end in range(1, len(text) + 1):
        delivered = made.feed([TextDelta(text[end - 1])])
        if any(isinstance(delta, Finished) for delta in delivered):
            break
        beginnings = [held for held in range(end + 1) if any(s.startswith(text[end - held : end]) for s in sequences)]
        assert made.held == text[end - max(beginnings) : end]


@pytest.mark.parametrize(
    "deltas",
    [
        (TextDelta("a"), THOUGHT, TextDelta("b"), END),
        (TextDelta("a"), CALL, END),
        (TextDelta("EN"), THOUGHT, TextDelta("D"), END),
        (TextDelta("EN"), CALL, TextDelta("D"), END),
    ],
)
def test_thinking_and_calls_are_not_searched_and_divide_the_text(deltas: tuple[Delta, ...]) -> None:
    assert filtered(["END"], *deltas) == (list(deltas), 0)


def test_counts_do_not_divide_the_text_and_nothing_follows_the_end() -> None:
    delivered, _ = filtered(["END"], TextDelta("aE"), USAGE, TextDelta("NDb"), CALL, USAGE, END)

    assert delivered == [TextDelta("a"), USAGE, Finished("stop_sequence", "END")]


def test_a_sequence_that_the_server_names_is_passed_on() -> None:
    named = Finished("stop_sequence", "END")

    assert filtered(["END"], TextDelta("a"), named)[0] == [TextDelta("a"), named]


@pytest.mark.parametrize("sequences", [(), ("",)])
def test_without_a_sequence_there_is_no_filter(sequences: tuple[str, ...]) -> None:
    assert stop_sequences(replace(CONTEXT, stop_sequences=sequences)) is None


REPLY = (think("not in </block> here"), say("<block>yes</block> and on"))
STOPS = ("STOP", "</block>")


async def message(
    folder: Path, kind: str, parts: tuple[ReplyPart, ...], tools: Sequence[JsonObject] = ()
) -> tuple[JsonObject, bool]:
    """Return the whole message for a request with stop sequences, and whether the server was sent them."""
    async with (
        chat_server(always(reply(*parts))) as server,
        running_gateway(folder, target_at(server.base_url, kind)) as running,
    ):
        body = prompt(stream=False, stop_sequences=list(STOPS), tools=list(tools))
        response = await ask(running.gateway.base_url, "POST", "/v1/messages", body)
        answer = decode_json(response.body)
        assert isinstance(answer, dict)
        return answer, server.requests[0].raw.get("stop") == list(STOPS)


@pytest.mark.parametrize("kind", ["llamacpp", "generic", "ollama"])
async def test_a_whole_message_ends_before_the_sequence_and_names_it(tmp_path: Path, kind: str) -> None:
    answer, was_sent = await message(tmp_path, kind, REPLY)

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "</block>")
    assert at(answer, "content", 1, "text") == "<block>yes"
    assert not was_sent


async def test_a_server_that_names_the_sequence_is_sent_them(tmp_path: Path) -> None:
    assert (await message(tmp_path, "vllm", REPLY))[1]


async def test_a_sequence_in_the_arguments_of_a_call_does_not_end_the_reply(tmp_path: Path) -> None:
    read: JsonObject = {"name": "Read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
    answer, _ = await message(tmp_path, "llamacpp", (call("Read", path="</block>"),), tools=[read])

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("tool_use", None)
    assert at(answer, "content", 0, "input", "path") == "</block>"


async def test_the_servers_connection_is_closed_as_soon_as_the_sequence_is_complete(tmp_path: Path) -> None:
    async with (
        raw_backend() as backend,
        running_gateway(tmp_path, target_at(backend.base_url)) as running,
        connected(running.gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt(stop_sequences=["</block>"])))
        received = await backend.next_request()
        await received.begin()
        await received.say("<block>no</bl", "ock>", " and on")
        verdict = judge((await client.response()).body)
        await received.wait_closed()

    assert (verdict.outcome, verdict.texts()) == ("whole", ["<block>no"])
    assert (verdict.stop_reason, verdict.stop_sequence) == ("stop_sequence", "</block>")
