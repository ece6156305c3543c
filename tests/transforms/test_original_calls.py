"""Calls are sent as the model wrote them, if the client returns what it received."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.content import ToolUseBlock
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.transforms import OriginalCall, OriginalCalls, PromptContext
from anyclaude.transforms.original_calls import is_equivalent

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9999), st.text(max_size=5))
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=3), SCALARS, max_size=4)


def call(returned: JsonValue, raw: str) -> ToolUseBlock:
    """Return the call with the model's arguments `raw`, if the client returns it so."""
    return restored(returned, OriginalCall(raw))


def restored(returned: JsonValue, original: OriginalCall) -> ToolUseBlock:
    turns = (Turn("user", "x"), Turn("assistant", (ToolUseBlock("toolu_1", "Bash", returned),)))
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    changed = OriginalCalls()(request, PromptContext(original_calls={"toolu_1": original}))
    block = changed.messages[1].content[0]
    assert isinstance(block, ToolUseBlock)
    return block


@pytest.mark.parametrize(
    ("raw", "returned"),
    [
        ('{"timeout": 5000.0, "command": "ls"}', {"command": "ls", "timeout": 5000}),
        ('{"command":"ls","timeout":"5000"}', {"command": "ls", "timeout": 5000}),
        ('{"run_in_background":"false"}', {"run_in_background": False}),
        ('{"file_path":"a","old_string":"x","new_string":"y"}', {"replace_all": False} | {
            "file_path": "a", "old_string": "x", "new_string": "y"
        }),
        ('{"content":"a  \\nb\\t\\n","file_path":"f"}', {"file_path": "f", "content": "a\nb\n"}),
    ],
)  # fmt: skip
def test_the_clients_rewriting_is_undone(raw: str, returned: JsonValue) -> None:
    assert call(returned, raw).raw_arguments == raw


@pytest.mark.parametrize(
    ("raw", "returned"),
    [
        ('{"command":"ls"}', {"command": "rm"}),
        ('{"command":"ls"}', {}),
        ('{"command":"ls"}', {"command": "ls", "timeout": 5}),
        ('{"replace_all":true}', {"replace_all": False}),
        ('{"n":1}', {"n": True}),
        ('{"command":"l', {"__unparsedToolInput": {"raw": '{"command":"l', "len": 13}}),
        ('{"content":"  a"}', {"content": "a"}),
    ],
)
def test_a_call_that_was_changed_stays_as_the_client_sent_it(raw: str, returned: JsonValue) -> None:
    block = call(returned, raw)

    assert block.raw_arguments is None
    assert block.input == returned


@given(OBJECTS)
def test_the_same_arguments_in_any_key_order_are_equivalent(value: dict[str, JsonValue]) -> None:
    assert is_equivalent(json.dumps(value, indent=1), dict(sorted(value.items())))


def test_a_call_without_known_raw_arguments_is_not_changed() -> None:
    turns = (Turn("assistant", (ToolUseBlock("toolu_9", "Bash", {}),)),)
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)

    assert OriginalCalls()(request, PromptContext(original_calls={"toolu_1": OriginalCall("{}")})) is request


@given(st.lists(st.sampled_from(["", "{}", '{"a": 1}', '{ "a":1 }', '{"a":2}', None]), max_size=6))
def test_a_reused_step_gives_the_results_of_a_new_one(texts: list[str | None]) -> None:
    calls = (ToolUseBlock("toolu_1", "Bash", {"a": 1}), ToolUseBlock("toolu_2", "Bash", {}))
    request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"), Turn("assistant", calls)))
    step = OriginalCalls()

    for text in texts:
        known = {} if text is None else {"toolu_1": OriginalCall(text)}
        context = PromptContext(original_calls={"toolu_2": OriginalCall("{ }")} | known)
        assert step(request, context) == OriginalCalls()(request, context)


def test_a_repeated_turn_becomes_the_same_object() -> None:
    turns = (Turn("assistant", (ToolUseBlock("toolu_1", "Bash", {}),)),)
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    context = PromptContext(original_calls={"toolu_1": OriginalCall("{ }")})
    step = OriginalCalls()

    assert step(request, context).messages[0] is step(request, context).messages[0]


REPAIRED = OriginalCall('{"path": "/a",  "limit": "5"}', sent='{"file_path":"/a","limit":5}')
WRITTEN = OriginalCall('{"file_path": "/a"}', written="\n<tool_call>\n...\n</tool_call>")


def test_the_models_own_arguments_replace_repaired_ones() -> None:
    block = restored({"limit": 5, "file_path": "/a"}, REPAIRED)

    assert block.raw_arguments == REPAIRED.arguments


def test_repaired_arguments_are_compared_with_what_the_client_received() -> None:
    assert restored({"path": "/a", "limit": "5"}, REPAIRED).raw_arguments is None


def test_arguments_that_were_broken_json_stay_repaired_in_the_order_in_which_they_were_sent() -> None:
    block = restored({"a": 1, "b": 2}, OriginalCall('{"b": 2, "a": 1', sent='{"b": 2, "a": 1}'))

    assert block.raw_arguments == '{"b": 2, "a": 1}'


def test_a_written_call_gets_its_text_back() -> None:
    assert restored({"file_path": "/a", "replace_all": False}, WRITTEN).written == WRITTEN.written
    assert restored({"file_path": "/b"}, WRITTEN).written is None


def test_a_written_call_whose_arguments_the_client_could_not_parse_gets_its_text_back() -> None:
    broken = OriginalCall('{"command":"l', written='<tool_call>{"command":"l</tool_call>')
    unparsed: JsonValue = {"__unparsedToolInput": {"raw": '{"command":"l', "len": 13}}

    block = restored(unparsed, broken)
    assert (block.written, block.raw_arguments) == (broken.written, None)
    assert restored({"__unparsedToolInput": {"raw": "{", "len": 1}}, broken).written is None


def test_a_call_without_any_arguments_is_returned_as_an_empty_object() -> None:
    assert restored({}, OriginalCall("", written="<Read/>")).written == "<Read/>"


ORIGINALS = st.builds(
    OriginalCall,
    st.sampled_from(["", "{}", '{"a": 1}', '{ "a":1 }', '{"b":1', "x"]),
    st.sampled_from([None, "{}", '{"a": 1}']),
    st.sampled_from([None, "<call>"]),
)


@given(ORIGINALS, st.sampled_from([{}, {"a": 1}, {"a": 1, "b": False}, "x", None]))
def test_restoring_twice_changes_nothing_more(original: OriginalCall, returned: JsonValue) -> None:
    turns = (Turn("assistant", (ToolUseBlock("toolu_1", "Bash", returned),)),)
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    context = PromptContext(original_calls={"toolu_1": original})
    once = OriginalCalls()(request, context)

    assert OriginalCalls()(once, context) == once


@pytest.mark.parametrize("returned", [{"command": "ls"}, {"command": "rm"}, {"__unparsedToolInput": {"raw": "x"}}])
def test_what_the_server_wants_back_goes_with_the_call_whatever_the_client_made_of_it(returned: JsonValue) -> None:
    fields = ProviderFields('{"extra_content":1}', origin="a")

    assert restored(returned, OriginalCall('{"command": "ls"}', provider_fields=fields)).provider_fields == fields
