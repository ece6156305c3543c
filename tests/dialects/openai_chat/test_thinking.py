"""Thinking is switched on and off by the model's own means."""

import pytest
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, body_of, dropped_from

from anyclaude.profiles import ThinkingSwitch, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue

ON: JsonObject = {"type": "enabled", "budget_tokens": 4_000}
ADAPTIVE: JsonObject = {"type": "adaptive"}
OFF: JsonObject = {"type": "disabled"}
READ: JsonObject = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("switch", ["enable_thinking", "thinking"])
def test_a_variable_of_the_template_is_set_to_what_the_client_asks_for(switch: ThinkingSwitch) -> None:
    profile = replace(PROFILE, thinking_switch=switch)

    assert [body_of(profile, thinking=asked)["chat_template_kwargs"] for asked in (ON, ADAPTIVE, OFF)] == [
        {switch: True},
        {switch: True},
        {switch: False},
    ]
    assert "chat_template_kwargs" not in body_of(profile)
    assert dropped_from(profile, thinking=ON) == {"thinking.budget_tokens": 1}
    assert dropped_from(profile, thinking=OFF) == {}


def test_a_server_without_a_switch_gets_nothing_and_the_field_is_recorded() -> None:
    assert body_of(thinking=OFF) == body_of()
    assert dropped_from(thinking=OFF) == {"thinking": 1}


def test_ollama_is_only_asked_to_switch_thinking_off() -> None:
    ollama = profile_named("ollama")

    assert body_of(ollama, thinking=OFF)["reasoning_effort"] == "none"
    assert "reasoning_effort" not in body_of(ollama, thinking=ON)


def test_a_forced_call_switches_thinking_off() -> None:
    profile = replace(profile_named("llamacpp"), thinking_switch="enable_thinking")
    tools: list[JsonValue] = [READ]

    body = body_of(profile, thinking=ON, tools=tools, tool_choice={"type": "any"})

    assert body["chat_template_kwargs"] == {"enable_thinking": False}
