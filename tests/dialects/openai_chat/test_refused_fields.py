"""A request has no field that the server refuses and no value out of its range, and means the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, body_of, dropped_from
from tests.parts.json_at import at

from anyclaude.profiles import BackendProfile, FieldRange, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue

TOOL: JsonObject = {"name": "Read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
FORMAT: JsonObject = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
EVERYTHING: dict[str, JsonValue] = {
    "max_tokens": 32_000,
    "temperature": 0.0,
    "top_p": 0.5,
    "top_k": 3,
    "stop_sequences": ["a", "b", "c", "d", "e"],
    "tools": [TOOL],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "output_config": {**FORMAT, "effort": "high"},
}
LARGE = replace(PROFILE, accepts_reasoning_effort=True)


def without(*names: str) -> BackendProfile:
    return replace(LARGE, omitted_fields=names)


def limited(name: str, lowest: float | None = None, highest: float | None = None) -> BackendProfile:
    return replace(PROFILE, field_ranges=(FieldRange(name, lowest, highest),))


def last_text(body: JsonObject) -> str:
    return str(at(body, "messages", -1, "content"))


@given(st.sets(st.sampled_from(sorted({*body_of(LARGE, **EVERYTHING), "max_completion_tokens"}))))
def test_a_refused_field_is_left_out_and_recorded(names: set[str]) -> None:
    before, after = body_of(LARGE, **EVERYTHING), body_of(without(*sorted(names)), **EVERYTHING)
    is_max_refused = bool(names & {"max_tokens", "max_completion_tokens"})

    assert not set(after) & (names - {"model", "messages"})
    assert ("max_tokens" in after) != is_max_refused
    assert {"model", "messages"} <= set(after) <= set(before)
    if "top_k" in names:
        assert dropped_from(without(*sorted(names)), **EVERYTHING)["top_k"] == 1


def test_a_refused_part_of_an_object_is_left_out_and_so_is_an_object_that_is_empty_then() -> None:
    assert "stream_options" not in body_of(without("stream_options.include_usage"))
    named = replace(
        PROFILE, omitted_fields=("chat_template_kwargs.enable_thinking",), thinking_switch="enable_thinking"
    )
    assert "chat_template_kwargs" not in body_of(named, thinking={"type": "disabled"})


def test_the_limit_of_the_reply_is_one_field_with_two_names() -> None:
    newer = replace(PROFILE, max_tokens_field="max_completion_tokens")

    assert not {"max_tokens", "max_completion_tokens"} & set(body_of(replace(newer, omitted_fields=("max_tokens",))))
    assert body_of(replace(newer, field_ranges=(FieldRange("max_tokens", 1, 50),)))["max_completion_tokens"] == 50


@pytest.mark.parametrize(
    ("name", "lowest", "highest", "sent"),
    [
        ("max_tokens", 1, 8192, 8192),
        ("max_completion_tokens", None, 8192, 8192),
        ("max_tokens", 1, None, 32_000),
        ("temperature", 1, 1, 1.0),
        ("temperature", 0.01, None, 0.01),
        ("top_p", 0, 0.25, 0.25),
        ("top_k", None, 2, 2),
    ],
)
def test_a_number_is_the_nearest_that_the_server_accepts(
    name: str, lowest: float | None, highest: float | None, sent: float
) -> None:
    field = "max_tokens" if name == "max_completion_tokens" else name
    value = body_of(limited(name, lowest, highest), **EVERYTHING)[field]

    assert value == sent
    assert isinstance(value, int) == (field in {"max_tokens", "top_k"})
    assert dropped_from(limited(name, lowest, highest), **EVERYTHING).get(field, 0) == (sent != EVERYTHING[field])


def test_a_list_has_the_length_that_the_server_accepts() -> None:
    assert body_of(limited("stop", highest=4), **EVERYTHING)["stop"] == ["a", "b", "c", "d"]
    assert dropped_from(limited("stop", highest=3), **EVERYTHING)["stop_sequences"] == 2
    assert "stop" not in body_of(limited("stop", highest=0), **EVERYTHING)


def test_a_server_without_streams_is_not_asked_for_one() -> None:
    body = body_of(replace(PROFILE, streams=False))

    assert body["stream"] is False
    assert "stream_options" not in body
    assert "stream" not in body_of(without("stream"))
    assert "stream_options" not in body_of(without("stream"))


@pytest.mark.parametrize("kind", ["llamacpp", "vllm"])
@pytest.mark.parametrize("refused", ["tool_choice", "response_format", "tools"])
def test_a_forced_call_is_asked_for_in_words_if_its_field_is_refused(kind: str, refused: str) -> None:
    profile = replace(profile_named(kind), omitted_fields=(refused,))
    body = body_of(profile, tools=[TOOL], tool_choice={"type": "tool", "name": "Read"})
    is_forced_by_another_field = (
        bool({"tool_choice", "response_format"} & set(body)) and body.get("tool_choice") != "auto"
    )

    assert refused not in body
    assert last_text(body).endswith("Call the tool Read now.") != is_forced_by_another_field


def test_a_forbidden_call_is_forbidden_in_words_if_the_field_is_refused() -> None:
    body = body_of(without("tool_choice"), tools=[TOOL], tool_choice={"type": "none"})

    assert last_text(body) == "hi\n\nDo not call a tool now."


def test_a_format_is_asked_for_in_words_if_its_field_is_refused() -> None:
    body = body_of(without("response_format"), output_config=FORMAT)

    assert '{"type":"object"}' in last_text(body)
    assert dropped_from(without("response_format"), output_config=FORMAT) == {"output_config.format": 1}


@pytest.mark.parametrize(
    ("effort", "accepted", "sent"),
    [
        ("high", ("low", "high"), "high"),
        ("high", ("minimal", "low", "medium"), "medium"),
        ("medium", ("low", "high", "max"), "high"),
        ("low", ("none", "medium"), "medium"),
        ("high", ("none", "default"), None),
    ],
)
def test_an_effort_that_is_refused_becomes_the_nearest_that_is_accepted(
    effort: str, accepted: tuple[str, ...], sent: str | None
) -> None:
    efforts = replace(
        PROFILE, accepts_reasoning_effort=True, field_ranges=(FieldRange("reasoning_effort", values=accepted),)
    )
    assert body_of(efforts, output_config={"effort": effort}).get("reasoning_effort") == sent
