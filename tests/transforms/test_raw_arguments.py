"""Calls are sent as the model wrote them, if the client returns an equivalent call."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.content import ToolUseBlock
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, RawArguments
from anyclaude.transforms.raw_arguments import is_equivalent

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9999), st.text(max_size=5))
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=3), SCALARS, max_size=4)


def call(returned: JsonValue, raw: str) -> ToolUseBlock:
    turns = (Turn("user", "x"), Turn("assistant", (ToolUseBlock("toolu_1", "Bash", returned),)))
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    changed = RawArguments()(request, PromptContext(raw_arguments={"toolu_1": raw}))
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

    assert RawArguments()(request, PromptContext(raw_arguments={"toolu_1": "{}"})) is request


@given(st.lists(st.sampled_from(["", "{}", '{"a": 1}', '{ "a":1 }', '{"a":2}', None]), max_size=6))
def test_a_reused_step_gives_the_results_of_a_new_one(texts: list[str | None]) -> None:
    calls = (ToolUseBlock("toolu_1", "Bash", {"a": 1}), ToolUseBlock("toolu_2", "Bash", {}))
    request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"), Turn("assistant", calls)))
    step = RawArguments()

    for text in texts:
        context = PromptContext(raw_arguments={"toolu_2": "{ }"} | ({} if text is None else {"toolu_1": text}))
        assert step(request, context) == RawArguments()(request, context)


def test_a_repeated_turn_becomes_the_same_object() -> None:
    turns = (Turn("assistant", (ToolUseBlock("toolu_1", "Bash", {}),)),)
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    context = PromptContext(raw_arguments={"toolu_1": "{ }"})
    step = RawArguments()

    assert step(request, context).messages[0] is step(request, context).messages[0]
