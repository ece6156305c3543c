"""A request is sent with all the fields that Chat Completions has; the others are recorded as dropped."""

import pytest
from hypothesis import given
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, asked, body_of, dropped_from
from tests.parts.requests import Json, bodies

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.errors import InvalidRequest
from anyclaude.profiles import PROFILES, BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json
from anyclaude.protocol.messages_request import request_from

SCHEMA: JsonObject = {"type": "object", "properties": {}}


def test_the_smallest_request_asks_for_a_stream_with_usage() -> None:
    encoded = OpenAiChat().encode_request(asked(), "local", PROFILE)

    assert encoded.request.path == "/chat/completions"
    assert encoded.request.body == (
        b'{"model":"local","messages":[{"role":"user","content":"hi"}],"max_tokens":100,'
        b'"stream":true,"stream_options":{"include_usage":true}}'
    )
    assert encoded.dropped == ()


def test_a_server_that_can_is_asked_how_far_it_is_but_only_in_a_stream() -> None:
    reporting = replace(PROFILE, reports_progress=True)
    body = encoded_body(reporting)

    assert (body["return_progress"], body["timings_per_token"]) == (True, True)
    assert "return_progress" not in encoded_body(PROFILE)
    assert "return_progress" not in encoded_body(replace(reporting, streams=False))


def encoded_body(profile: BackendProfile) -> JsonObject:
    body = decode_json(OpenAiChat().encode_request(asked(), "local", profile).request.body)
    assert isinstance(body, dict)
    return body


def test_the_fields_of_both_languages_are_sent() -> None:
    body = body_of(temperature=0.5, top_p=0.9, top_k=40)

    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 40)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_stop_sequences_are_sent_only_to_servers_that_say_which_one_it_was(profile: BackendProfile) -> None:
    body = body_of(profile, stop_sequences=["</block>", "END"])

    assert body.get("stop") == (["</block>", "END"] if profile.names_stop_sequences else None)
    assert not dropped_from(profile, stop_sequences=["</block>", "END"])


def test_stop_sequences_are_sent_with_a_format_in_which_the_gateway_does_not_look_for_them() -> None:
    reply_format: JsonObject = {"type": "json_schema", "schema": SCHEMA}

    assert body_of(stop_sequences=["END"], output_config={"format": reply_format})["stop"] == ["END"]


def test_top_k_is_dropped_and_recorded_if_the_server_does_not_accept_it() -> None:
    profile = replace(PROFILE, accepts_top_k=False)

    assert "top_k" not in body_of(profile, top_k=40)
    assert dropped_from(profile, top_k=40) == {"top_k": 1}


def test_the_limit_of_the_reply_has_the_servers_field_name() -> None:
    profile = replace(PROFILE, max_tokens_field="max_completion_tokens")

    assert body_of(profile)["max_completion_tokens"] == 100
    assert "max_tokens" not in body_of(profile)


def test_a_request_without_a_reply_asks_for_one_token() -> None:
    assert body_of(max_tokens=0)["max_tokens"] == 1
    assert dropped_from(max_tokens=0) == {"max_tokens": 1}


@pytest.mark.parametrize(("effort", "word"), [("low", "low"), ("medium", "medium"), ("high", "high"), ("max", "high")])
def test_effort_is_sent_if_the_server_accepts_it(effort: str, word: str) -> None:
    profile = replace(PROFILE, accepts_reasoning_effort=True)

    assert body_of(profile, output_config={"effort": effort})["reasoning_effort"] == word


@pytest.mark.parametrize(
    ("field", "value", "dropped"),
    [
        ("output_config", {"effort": "high"}, "output_config.effort"),
        ("output_config", {"format": {"type": "x_new"}}, "output_config.format"),
        ("output_config", {"x_new": 1}, "output_config.x_new"),
        ("metadata", {"user_id": "u"}, "metadata"),
        ("thinking", {"type": "adaptive"}, "thinking"),
        ("context_management", {"edits": [{"type": "x_new"}]}, "context_management.x_new"),
        ("service_tier", "auto", "service_tier"),
        ("safeguards", {"x": 1}, "safeguards"),
    ],
)
def test_fields_that_cannot_be_sent_are_recorded_as_dropped(field: str, value: JsonValue, dropped: str) -> None:
    assert dropped_from(**{field: value}) == {dropped: 1}
    assert set(body_of(**{field: value})) == set(body_of())


@pytest.mark.parametrize("kind", ["clear_tool_uses_20250919", "clear_thinking_20251015"])
def test_edits_that_the_gateway_makes_are_not_dropped(kind: str) -> None:
    edit: JsonObject = {"type": kind, "keep": "all"} if "thinking" in kind else {"type": kind}

    assert dropped_from(context_management={"edits": [edit]}) == {}


def test_cache_markers_are_one_record_with_a_count() -> None:
    marker: JsonObject = {"cache_control": {"type": "ephemeral"}}
    dropped = dropped_from(
        system=[{"type": "text", "text": "s", **marker}],
        tools=[{"name": "Read", "input_schema": SCHEMA, **marker}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "hi", **marker}]}],
    )

    assert dropped == {"cache_control": 3}


def test_a_reply_is_continued_in_the_servers_way() -> None:
    begun: list[JsonValue] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hel"}]

    flags = body_of(profile_named("vllm"), messages=begun)
    assert (flags["continue_final_message"], flags["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in body_of(profile_named("llamacpp"), messages=begun)
    assert dropped_from(profile_named("llamacpp"), messages=begun) == {}
    assert dropped_from(profile_named("generic"), messages=begun) == {"messages.prefill": 1}


@pytest.mark.parametrize("kind", ["vllm", "llamacpp"])
def test_a_server_gets_stop_sequences_only_where_it_names_them_and_no_call_can_be_written(kind: str) -> None:
    profile = profile_named(kind)
    tool: JsonObject = {"name": "Read", "input_schema": SCHEMA}
    hi: JsonValue = [{"role": "user", "content": "hi"}]

    assert ("stop" in body_of(profile, messages=hi, stop_sequences=["END"])) == profile.names_stop_sequences
    assert "stop" not in body_of(profile, messages=hi, stop_sequences=["END"], tools=[tool])
    forced = body_of(profile, messages=hi, stop_sequences=["END"], tools=[tool], tool_choice={"type": "any"})
    assert "response_format" in forced
    assert "stop" not in forced


@given(bodies)
def test_any_request_can_be_encoded_for_any_server_and_always_in_the_same_bytes(raw: Json) -> None:
    try:
        request = request_from(raw)
    except InvalidRequest:
        return

    for profile in PROFILES:
        encoded = OpenAiChat().encode_request(request, "local", profile)
        assert encoded == OpenAiChat().encode_request(request, "local", profile)
        assert isinstance(decode_json(encoded.request.body), dict)


def test_a_conversation_key_is_sent_only_if_the_server_has_a_field_for_it() -> None:
    keyed = replace(PROFILE, conversation_field="session_id")

    def body(profile: BackendProfile, key: str | None) -> JsonValue:
        return decode_json(OpenAiChat().encode_request(asked(), "local", profile, key).request.body)

    assert body(PROFILE, "abc") == body(PROFILE, None) == body(keyed, None)
    assert body(keyed, "abc") == {**body_of(), "session_id": "abc"}


def test_repetition_is_avoided_by_the_means_of_the_server() -> None:
    def added(profile: BackendProfile) -> JsonObject:
        usual, against = (
            decode_json(OpenAiChat().encode_request(asked(), "local", profile, avoids_repetition=avoids).request.body)
            for avoids in (False, True)
        )
        assert isinstance(usual, dict) and isinstance(against, dict)
        assert {key: against[key] for key in usual} == usual
        return {key: value for key, value in against.items() if key not in usual}

    assert added(profile_named("vllm")) == {"frequency_penalty": 1.0}
    assert added(profile_named("llamacpp")).keys() == {"dry_multiplier", "dry_allowed_length", "dry_penalty_last_n"}
