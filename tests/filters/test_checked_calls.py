"""The calls that a server sends: checked, repaired or passed on, and delivered in the order of the reply."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.exchange_events import Recorder
from tests.parts.gateway import QUICK, target_at
from tests.parts.raw_backend import raw_backend
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge
from tests.parts.splits import any_split

from anyclaude.filters import CallNote, DeltaFilter, FilterContext
from anyclaude.filters.checked_calls import MAX_NOTED, checked_calls
from anyclaude.observability.journal import Journal
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import (
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import Tool
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.server import open_gateway

READ: JsonObject = {
    "type": "object",
    "properties": {"file_path": {"type": "string"}, "limit": {"type": "number"}},
    "required": ["file_path"],
    "additionalProperties": False,
}
TOOLS = (
    Tool("Read", input_schema=READ),
    Tool(
        "Bash", input_schema={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
    ),
    Tool("Write", input_schema=READ, extra={"eager_input_streaming": True}),
    Tool("TaskList", input_schema={"type": "object", "properties": {}}),
)
GOOD, ODD = '{"file_path": "/a"}', '{"path": "/a", "limit": "5"}'
REPAIRED = '{"file_path":"/a","limit":5}'
CUT = '{"file_path": "/a'
ENDED = Finished("tool_use")


def started(notes: list[CallNote] | None = None) -> DeltaFilter:
    """Return the filter of a new reply, which adds its notes to `notes`."""
    note = (notes if notes is not None else []).append
    made = checked_calls(FilterContext(TOOLS, profile_named("llamacpp"), "local-model", note=note))
    assert made is not None
    return made


def played(deltas: Sequence[Delta]) -> tuple[list[Delta], list[CallNote]]:
    """Return the deltas of a whole reply behind the filter, which gets them one by one, and its notes."""
    notes: list[CallNote] = []
    filtered = started(notes)
    return [*(out for delta in deltas for out in filtered.feed([delta])), *filtered.finish()], notes


def test_without_tools_there_is_nothing_to_check() -> None:
    assert checked_calls(FilterContext((), profile_named("llamacpp"), "local-model")) is None


def test_a_batch_without_calls_is_the_same_list() -> None:
    batch: list[Delta] = [TextDelta("a"), ThinkingDelta("b"), UsageReported(1, 2), Finished("end_turn")]

    assert started().feed(batch) is batch


def test_a_valid_call_is_delivered_as_it_came() -> None:
    pieces = [ToolCallDelta(0, "Read"), ToolCallDelta(0, "", GOOD[:9]), ToolCallDelta(0, "", GOOD[9:])]

    assert played([*pieces, ENDED]) == ([ToolCallDelta(0, "Read", GOOD), ENDED], [])


def test_a_call_is_repaired_and_the_model_s_own_arguments_stand_beside_it() -> None:
    deltas, notes = played([ToolCallDelta(0, "Read", ODD), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", REPAIRED, raw_arguments=ODD), ENDED]
    assert notes == [CallNote("repaired", "Read", 'path is file_path; limit: "5" is 5', ODD, REPAIRED)]


def test_a_name_is_corrected_alone() -> None:
    deltas, notes = played([ToolCallDelta(0, "functions.read", GOOD), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", GOOD), ENDED]
    assert notes == [CallNote("repaired", "Read", "functions.read is Read", GOOD, GOOD)]


def test_a_call_that_does_not_fit_is_delivered_raw_with_a_note() -> None:
    deltas, notes = played([ToolCallDelta(0, "Read", '{"limit": 5}'), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", '{"limit": 5}'), ENDED]
    assert notes == [CallNote("invalid", "Read", "`file_path` is missing", '{"limit": 5}')]


def test_a_call_of_a_tool_that_was_not_offered_passes_at_once() -> None:
    notes: list[CallNote] = []
    filtered = started(notes)

    assert filtered.feed([ToolCallDelta(0, "Launch", '{"a":')]) == [ToolCallDelta(0, "Launch", '{"a":')]
    assert filtered.feed([ToolCallDelta(0, "", "1}")]) == [ToolCallDelta(0, "", "1}")]
    assert notes == [CallNote("not_offered", "Launch")]


def test_the_fragments_of_an_eager_tool_pass_at_once() -> None:
    filtered = started()

    assert filtered.feed([ToolCallDelta(0, "Write", '{"pa')]) == [ToolCallDelta(0, "Write", '{"pa')]
    assert filtered.feed([ToolCallDelta(0, "", 'th": 1}')]) == [ToolCallDelta(0, "", 'th": 1}')]


def test_a_call_that_was_made_of_text_passes_as_it_is() -> None:
    call = ToolCallDelta(0, "Read", ODD, written="<tool_call>…</tool_call>")

    assert played([call, ENDED]) == ([call, ENDED], [])


@pytest.mark.parametrize("reason", ["max_tokens", "stop_sequence", "refusal", "model_context_window_exceeded"])
@pytest.mark.parametrize("arguments", [CUT, '{"file_path": "/a"', "{'path': '/a'"])
def test_a_call_that_was_cut_is_never_completed(reason: StopReason, arguments: str) -> None:
    deltas, notes = played([ToolCallDelta(0, "Read", arguments), Finished(reason)])

    assert deltas == [ToolCallDelta(0, "Read", arguments), Finished(reason)]
    assert notes == [CallNote("invalid", "Read", "the reply ended before the arguments", arguments)]


def test_a_whole_call_is_repaired_although_the_reply_was_cut_after_it() -> None:
    deltas, _ = played([ToolCallDelta(0, "Read", ODD), TextDelta("And n"), Finished("max_tokens")])

    assert deltas == [ToolCallDelta(0, "Read", REPAIRED, raw_arguments=ODD), TextDelta("And n"), Finished("max_tokens")]


@pytest.mark.parametrize("reason", ["tool_use", "end_turn"])
def test_a_bracket_that_the_model_left_out_is_added_when_it_has_ended_its_reply(reason: StopReason) -> None:
    deltas, _ = played([ToolCallDelta(0, "Read", GOOD[:-1]), Finished(reason)])

    assert deltas[0] == ToolCallDelta(0, "Read", '{"file_path":"/a"}', raw_arguments=GOOD[:-1])


def test_an_unterminated_string_is_never_completed() -> None:
    deltas, notes = played([ToolCallDelta(0, "Read", CUT), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", CUT), ENDED]
    assert [note.what for note in notes] == ["invalid"]


def test_a_reply_that_breaks_off_delivers_nothing_of_a_call() -> None:
    filtered = started()

    assert filtered.feed([ToolCallDelta(0, "Read", GOOD)]) == []


def test_text_after_a_call_is_delivered_with_it_as_soon_as_the_call_is_whole() -> None:
    filtered = started()
    assert filtered.feed([ToolCallDelta(0, "Read", GOOD)]) == []

    assert filtered.feed([TextDelta("Now")]) == [ToolCallDelta(0, "Read", GOOD), TextDelta("Now")]
    assert filtered.feed([TextDelta(" then")]) == [TextDelta(" then")]


def test_text_within_a_call_waits_for_the_arguments() -> None:
    deltas, _ = played([ToolCallDelta(0, "Read", GOOD[:5]), TextDelta("Now"), ToolCallDelta(0, "", GOOD[5:]), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", GOOD), TextDelta("Now"), ENDED]


def test_a_surplus_bracket_in_a_later_fragment_is_dropped() -> None:
    deltas, _ = played([ToolCallDelta(0, "Read", GOOD), ToolCallDelta(0, "", "}"), ENDED])

    assert deltas[0] == ToolCallDelta(0, "Read", '{"file_path":"/a"}', raw_arguments=GOOD + "}")


def test_a_whole_call_is_delivered_when_the_next_begins() -> None:
    filtered = started()
    filtered.feed([ToolCallDelta(0, "Read", GOOD)])

    assert filtered.feed([ToolCallDelta(1, "Read", ODD[:9])]) == [ToolCallDelta(0, "Read", GOOD)]


def test_interleaved_calls_are_kept_apart_and_in_order() -> None:
    first, second = ToolCallDelta(0, "Read", GOOD[:5]), ToolCallDelta(1, "Bash", '{"cmd":')
    rest: list[Delta] = [ToolCallDelta(1, "", ' "ls"}'), ToolCallDelta(0, "", GOOD[5:]), ENDED]

    deltas, _ = played([first, second, *rest])

    repaired = ToolCallDelta(1, "Bash", '{"command":"ls"}', raw_arguments='{"cmd": "ls"}')
    assert deltas == [ToolCallDelta(0, "Read", GOOD), repaired, ENDED]


def test_an_eager_call_waits_for_the_calls_before_it() -> None:
    eager: list[Delta] = [ToolCallDelta(1, "Write", '{"a'), ToolCallDelta(1, "", '": 1}')]

    deltas, _ = played([ToolCallDelta(0, "Read", GOOD[:5]), *eager, ToolCallDelta(0, "", GOOD[5:]), ENDED])

    assert deltas == [ToolCallDelta(0, "Read", GOOD), *eager, ENDED]


def test_a_call_without_arguments_is_valid_if_none_are_required() -> None:
    deltas, notes = played([ToolCallDelta(0, "TaskList"), ENDED])

    assert deltas == [ToolCallDelta(0, "TaskList"), ENDED]
    assert notes == []


def test_the_counts_of_the_engine_never_wait() -> None:
    filtered = started()
    filtered.feed([ToolCallDelta(0, "Read", CUT)])

    assert filtered.feed([UsageReported(1, 2)]) == [UsageReported(1, 2)]


def test_a_note_shows_only_the_beginning_of_a_long_call() -> None:
    _, notes = played([ToolCallDelta(0, "Read", msgspec.json.encode({"path": "x" * 9_000}).decode()), ENDED])

    assert max(len(notes[0].before), len(notes[0].after)) == MAX_NOTED + 1


calls = st.sampled_from(
    [("Read", GOOD), ("Read", ODD), ("Read", CUT), ("Bash", '{"command": "a\\"}{b"}'), ("No", "{}"), ("Write", "{}}")]
)


@given(st.lists(calls, min_size=1, max_size=3).flatmap(lambda made: st.tuples(*(split_call(*call) for call in made))))
def test_the_result_does_not_depend_on_how_the_arguments_are_split(made: tuple[tuple[str, list[str]], ...]) -> None:
    split, whole = [], []
    for slot, (name, pieces) in enumerate(made):
        split += [ToolCallDelta(slot, name), *(ToolCallDelta(slot, "", piece) for piece in pieces)]
        whole.append(ToolCallDelta(slot, name, "".join(pieces)))

    assert joined(played([*split, ENDED])[0]) == joined(played([*whole, ENDED])[0])


def split_call(name: str, arguments: str) -> st.SearchStrategy[tuple[str, list[str]]]:
    """Return every way to send one call."""
    return st.tuples(st.just(name), any_split(arguments))


def joined(deltas: Sequence[Delta]) -> dict[int, tuple[str, str, str]]:
    """Return name, arguments and written text of each call."""
    found: dict[int, tuple[str, str, str]] = {}
    for delta in deltas:
        if isinstance(delta, ToolCallDelta):
            name, arguments, written = found.get(delta.slot, ("", "", ""))
            found[delta.slot] = (name or delta.name, arguments + delta.arguments, written + delta.raw_arguments)
    return found


async def test_a_repaired_call_reaches_the_client_and_the_listeners_get_what_the_model_wrote(tmp_path: Path) -> None:
    recorder = Recorder()
    tools = [{"name": "Read", "description": "Reads a file.", "input_schema": READ}]
    function = {"name": "read", "arguments": ODD}
    chunk = {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": function}]}}]}
    async with (
        raw_backend() as backend,
        open_gateway(QUICK, (target_at(backend.base_url),), Journal(tmp_path), listeners=[recorder]) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt(tools=tools), CLAUDE_CODE))
        reply = await (await backend.next_request()).begin()
        await reply.event(chunk)
        await reply.finish("tool_calls")
        verdict = judge((await client.response()).body)

    assert verdict.outcome == "whole"
    assert verdict.tool_inputs() == [("Read", REPAIRED)]
    assert verdict.stop_reason == "tool_use"
    assert list(recorder.ends[0].raw_arguments.values()) == [ODD]
    assert [note.what for note in recorder.ends[0].record.tool_calls] == ["repaired"]


@pytest.mark.parametrize("arguments", [GOOD, ODD, CUT])
@pytest.mark.parametrize("text_between", ["", "I read it."])
def test_what_the_server_wants_back_stays_with_the_call(arguments: str, text_between: str) -> None:
    fields = ProviderFields('{"extra_content":1}')
    between = [TextDelta(text_between)] if text_between else []

    deltas, _ = played([ToolCallDelta(0, "Read", arguments), *between, ToolCallDelta(0, provider_fields=fields), ENDED])

    calls = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert {delta.provider_fields for delta in calls} - {None} == {fields}
    assert {delta.slot for delta in calls} == {0}
