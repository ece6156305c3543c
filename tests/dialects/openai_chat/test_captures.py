"""
Every quirk of a server, as a recorded reply and its decoded content.

`llamacpp_*` were recorded from llama.cpp (xllamacpp 2026.10.11549) running SmolLM2-135M and
Qwen2.5-Coder-0.5B.  The others are written from the servers' issues and documentation: `refusal_with_code_and_msg`
has the shape of Zhipu's and MiniMax's gateways, `refusal_in_a_list` that of Gemini's endpoint (openclaude issues 67 and
431), `refusal_with_detail` that of FastAPI, and `empty_list_for_no_arguments` is how PHP writes an empty object.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.decoded import CAPTURES, Decoded, capture, decoded, deltas_of
from tests.parts.replies import judged, play
from tests.parts.splits import any_split

from anyclaude.errors import BackendTruncated
from anyclaude.protocol.deltas import Finished, UsageReported

READ = ("Read", '{"file_path":"/a"}')
LS = ("Bash", '{"command":"ls"}')
END = Finished("end_turn")
TOOL = Finished("tool_use")
USAGE = UsageReported(20, 5)
WRITTEN = UsageReported(40, 5, 16, cache_written_tokens=16)

WHOLE: dict[str, Decoded] = {
    "llamacpp_text.sse": Decoded(
        "Hello, I'm here to help with any creative writing project",
        end=Finished("max_tokens"),
        usage=UsageReported(37, 12, 0, 0.310228, 0.143107),
    ),
    "llamacpp_length.sse": Decoded(
        "I'm sorry", end=Finished("max_tokens"), usage=UsageReported(34, 3, 24, 0.152648, 0.025421)
    ),
    "llamacpp_tool_call.sse": Decoded(
        calls=(("Read", '{"file_path": "/etc/hostname"}'),),
        end=TOOL,
        usage=UsageReported(184, 24, 0, 2.725628, 0.9803930000000001),
    ),
    "llamacpp_document.json": Decoded(
        "Hello! I'm here to", end=Finished("max_tokens"), usage=UsageReported(33, 6, 24, 0.083876, 0.065083)
    ),
    "vllm_reasoning_under_two_names.sse": Decoded("42", "Let me see.", end=END, usage=USAGE),
    "reasoning_field.sse": Decoded("Yes.", "Hm.", end=END),
    "thinking_field.sse": Decoded("Yes.", "Hm.", end=END),
    "mistral_content_parts.sse": Decoded("Yes.", "Hm.", end=END),
    "vllm_stop_sequence.sse": Decoded("<block>yes", end=Finished("stop_sequence", "</block>"), usage=USAGE),
    "vllm_stop_token.sse": Decoded("yes", end=END),
    "sglang_matched_stop.sse": Decoded("yes", end=Finished("stop_sequence", "</block>")),
    "vllm_usage_in_every_chunk.sse": Decoded("ab", end=END, usage=UsageReported(20, 2, 16)),
    "vllm_tokens_written_to_the_cache.sse": Decoded("a", end=END, usage=WRITTEN),
    "openrouter_tokens_written_to_the_cache.sse": Decoded("a", end=END, usage=WRITTEN),
    "transformers_usage_in_the_last_chunk.sse": Decoded("a", end=END, usage=USAGE),
    "usage_of_zeros_before_the_real_one.sse": Decoded("a", end=END, usage=USAGE),
    "usage_written_as_text.sse": Decoded("a", end=END, usage=USAGE),
    "no_usage.sse": Decoded("a", end=END),
    "ollama_empty_finish_reason.sse": Decoded(" Hello there", end=END),
    "null_as_text_in_finish_reason.sse": Decoded("ab", end=END),
    "done_without_finish_reason.sse": Decoded("ab", end=END),
    "finish_reason_without_done.sse": Decoded("a", end=END),
    "no_blank_line_at_the_end.sse": Decoded("a", end=END),
    "content_filter.sse": Decoded("a", end=Finished("refusal")),
    "gemini_upper_case_reason.sse": Decoded("a", end=Finished("max_tokens")),
    "text_after_done.sse": Decoded("a", end=END),
    "crlf_and_comments.sse": Decoded("ab", end=END),
    "emoji_and_newlines.sse": Decoded("Zürich 🏔️\n\n\t— 好", end=END),
    "blank_data_lines.sse": Decoded("a", end=END),
    "unknown_objects.sse": Decoded("a", end=END),
    "text_then_tool_call.sse": Decoded("I will look.", calls=(READ,), end=TOOL, usage=USAGE),
    "tool_call_after_empty_content.sse": Decoded(calls=(READ,), end=TOOL),
    "parallel_calls_interleaved.sse": Decoded(calls=(READ, LS), end=TOOL),
    "mlx_lm_no_index_no_id.sse": Decoded(calls=(READ, READ), end=TOOL),
    "no_index_streamed.sse": Decoded(calls=(READ, ("Read", '{"file_path":"/b"}')), end=TOOL),
    "ollama_one_index_for_all.sse": Decoded(calls=(READ, LS, READ), end=TOOL),
    "one_index_interleaved_by_id.sse": Decoded(calls=(READ, ("Read", '{"file_path":"/b"}')), end=TOOL),
    "one_id_for_all.sse": Decoded(calls=(READ, LS), end=TOOL),
    "name_repeated_in_every_fragment.sse": Decoded(calls=(READ,), end=TOOL),
    "id_changes_in_every_fragment.sse": Decoded(calls=(READ,), end=TOOL),
    "arguments_as_an_object.sse": Decoded(calls=(READ,), end=TOOL),
    "arguments_in_the_last_chunk.sse": Decoded(calls=(READ,), end=TOOL),
    "arguments_in_the_final_message.sse": Decoded(calls=(READ,), end=TOOL),
    "dashscope_trailing_fragment.sse": Decoded(calls=(READ,), end=TOOL),
    "call_sent_again_whole.sse": Decoded(calls=(READ,), end=TOOL),
    "call_in_a_second_choice.sse": Decoded("I read it.", calls=(READ,), end=TOOL),
    "empty_object_before_the_arguments.sse": Decoded(calls=(READ,), end=TOOL),
    "empty_object_after_the_arguments.sse": Decoded(calls=(READ,), end=TOOL),
    "message_sent_again_whole.sse": Decoded("Looking.", calls=(READ,), end=TOOL),
    "growing_message_in_every_chunk.sse": Decoded("Hello", end=END),
    "legacy_function_call.sse": Decoded(calls=(READ,), end=TOOL),
    "call_without_arguments.sse": Decoded(calls=(("TaskList", ""),), end=TOOL),
    "vllm_named_choice_finishes_with_stop.sse": Decoded(calls=(READ,), end=END),
    "invalid_arguments.sse": Decoded(calls=(("Read", '{"file_path": '),), end=TOOL),
    "call_without_a_name.sse": Decoded(calls=(("", READ[1]),), end=TOOL),
    "calls_as_one_object.sse": Decoded(calls=(READ,), end=TOOL),
    "calls_by_number.sse": Decoded(calls=(READ,), end=TOOL),
    "call_without_a_function_object.sse": Decoded(calls=(READ,), end=TOOL),
    "name_after_the_arguments.sse": Decoded(calls=(READ,), end=TOOL),
    "calls_in_a_message_before_the_last_chunk.sse": Decoded(calls=(READ,), end=TOOL),
    "empty_list_for_no_arguments.sse": Decoded(calls=(("TaskList", "{}"),), end=TOOL),
    "text_in_a_second_choice.sse": Decoded("Hello", end=END),
    "byte_order_mark_before_every_event.sse": Decoded("Hello", end=END),
    "figures_that_are_no_numbers.sse": Decoded('a nan " inf', end=END, usage=USAGE),
    "byte_that_is_no_utf8.sse": Decoded("Hello \ufffd", end=END),
    "halves_of_a_character_as_bytes.sse": Decoded("Hello \U0001f600", end=END),
    "document_with_tool_calls.json": Decoded("Both.", "Hm.", (READ, READ), TOOL, USAGE),
    "document_without_finish_reason.json": Decoded("a", end=END),
}
"""Replies that the server finished."""

FAULTS: dict[str, tuple[Decoded, str]] = {
    "vllm_abort.sse": (Decoded("a"), "BackendTruncated: the backend aborted its reply (finish_reason: abort)"),
    "cut_in_the_middle.sse": (Decoded("ab"), "BackendTruncated: the backend closed its reply before"),
    "cut_inside_a_chunk.sse": (Decoded("a"), "BackendTruncated: the backend closed its reply before"),
    "cut_inside_a_character.sse": (Decoded("a"), "BackendTruncated: the backend closed its reply before"),
    "done_without_a_reply.sse": (Decoded(), "BackendTruncated: the backend closed its reply before"),
    "nothing.sse": (Decoded(), "BackendTruncated: the backend's reply is empty"),
    "comments_only.sse": (Decoded(), "BackendTruncated: the backend closed its reply before"),
    "vllm_error_in_the_stream.sse": (Decoded("a"), "BackendRejected: EngineCore encountered an issue."),
    "vllm_old_error_in_the_stream.sse": (Decoded("a"), "BackendRejected: out of memory"),
    "openrouter_error_in_the_stream.sse": (Decoded("a"), "BackendRejected: Provider disconnected: worker lost"),
    "lmstudio_error_event.sse": (Decoded(), "BackendRejected: prompt is too long: 13055 tokens > 4096 maximum"),
    "error_as_a_string.sse": (Decoded(), "BackendRejected: model runner has unexpectedly stopped"),
    "error_event_with_plain_text.sse": (Decoded(), "BackendRejected: the model crashed"),
    "llamacpp_error_in_the_stream.sse": (Decoded("a"), "BackendRejected: prompt is too long (the server says: Context"),
    "llamacpp_error_line.sse": (Decoded("a"), "BackendRejected: prompt is too long (the server says: Input"),
    "error_object_without_a_field.sse": (Decoded("a"), "BackendRejected: model runner crashed"),
    "garbage.sse": (Decoded("a"), "BackendGarbled: the backend sent something that is not a chat completion"),
    "numbers_for_chunks.sse": (
        Decoded(),
        "BackendGarbled: the backend sent something that is not a chat completion",
    ),
    "web_page.html": (Decoded(), "BackendGarbled: the backend answered with a web page"),
    "web_page_with_a_title.html": (
        Decoded(),
        "BackendGarbled: the backend answered with a web page instead of a chat completion: 502 Bad Gateway & more",
    ),
    "refusal_with_code_and_msg.json": (Decoded(), "BackendRejected: quota used up"),
    "refusal_with_detail.json": (Decoded(), "BackendRejected: Model is not loaded"),
    "refusal_in_a_list.json": (Decoded(), "BackendRejected: missing a thought_signature"),
    "refusal_as_plain_text.txt": (Decoded(), "BackendRejected: Model not loaded"),
    "refusal_like_a_log_line.txt": (Decoded(), "BackendRejected: [ERROR] Model not loaded"),
    "refusal_in_place_of_chunks.sse": (Decoded(), "BackendRejected: quota used up"),
    "refusal_as_plain_text_in_place_of_chunks.sse": (Decoded(), "BackendRejected: Model not loaded"),
    "document_without_anything.json": (Decoded(), "BackendTruncated: the backend closed its reply before"),
    "end_for_a_call_that_is_not_there.sse": (
        Decoded(),
        "BadSample: the backend ended its reply for a tool call",
    ),
    "document_with_an_error.json": (Decoded(), "BackendRejected: no such model"),
    "document_without_choices.json": (
        Decoded(),
        "BackendGarbled: the backend sent something that is not a chat completion (it has no choices)",
    ),
    "document_cut_short.json": (Decoded(), "BackendTruncated: the backend's reply ended in the middle"),
}
"""Replies that fail, with the content before the failure."""

ONLY_FOR_THE_GRAMMAR = ("llamacpp_after_tool_result.sse", "llamacpp_tool_choice_required.sse")
NO_REPLIES = {"llamacpp_overflow.json"}


@pytest.mark.parametrize("name", WHOLE)
def test_a_finished_reply_is_decoded(name: str) -> None:
    reply = decoded([capture(name)])

    assert reply == WHOLE[name]
    assert reply.fault == ""


@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_reply_has_the_reason_and_keeps_the_content_before_it(name: str) -> None:
    expected, fault = FAULTS[name]

    reply = decoded([capture(name)])

    assert reply == expected
    assert reply.fault.startswith(fault)


@pytest.mark.parametrize("name", [*WHOLE, *FAULTS, *ONLY_FOR_THE_GRAMMAR])
def test_a_reply_that_arrives_byte_by_byte_decodes_alike(name: str) -> None:
    raw = capture(name)

    deltas, failure = deltas_of([raw[at : at + 1] for at in range(len(raw))])

    assert (deltas, repr(failure)) == _whole(raw)


@given(st.sampled_from([*WHOLE, *FAULTS]).flatmap(lambda name: any_split(capture(name))))
def test_any_split_of_the_bytes_decodes_alike(pieces: list[bytes]) -> None:
    deltas, failure = deltas_of(pieces)

    assert (deltas, repr(failure)) == _whole(b"".join(pieces))


@pytest.mark.parametrize("name", [*WHOLE, *ONLY_FOR_THE_GRAMMAR])
def test_every_finished_reply_makes_a_valid_message_for_the_client(name: str) -> None:
    deltas, _ = deltas_of([capture(name)])

    judgement = judged(play([deltas]))

    assert judgement.outcome == ("failed" if name == "call_without_a_name.sse" else "whole")
    assert judgement.tool_inputs() == [
        (tool, arguments or "{}") for tool, arguments in decoded([capture(name)]).calls if tool
    ]


@given(
    st.sampled_from([*WHOLE, *FAULTS])
    .map(capture)
    .flatmap(lambda raw: st.tuples(st.just(raw), st.integers(0, len(raw))))
)
def test_a_truncated_reply_never_decodes_to_more_than_it_has(cut: tuple[bytes, int]) -> None:
    raw, length = cut

    whole, part = decoded([raw]), decoded([raw[:length]])

    assert whole.text.startswith(part.text)
    assert whole.thinking.startswith(part.thinking)
    assert part.end is not None or part.failure is not None


@given(
    st.sampled_from(sorted(WHOLE)).map(capture).flatmap(lambda raw: st.tuples(st.just(raw), st.integers(0, len(raw))))
)
def test_a_reply_that_was_cut_is_neither_a_refusal_nor_garbled(cut: tuple[bytes, int]) -> None:
    raw, length = cut

    reply = decoded([raw[:length]])

    assert reply.failure is None or type(reply.failure) is BackendTruncated


def test_every_capture_is_tested() -> None:
    recorded = {path.name for path in CAPTURES.iterdir()}

    assert recorded == {*WHOLE, *FAULTS, *ONLY_FOR_THE_GRAMMAR, *NO_REPLIES}


def _whole(raw: bytes) -> tuple[object, str]:
    deltas, failure = deltas_of([raw])
    return deltas, repr(failure)
