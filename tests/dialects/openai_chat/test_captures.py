"""
Every quirk of a server, as a recorded answer and what it must be understood as.

`llamacpp_*` were recorded from llama.cpp (xllamacpp 2026.10.11549) running SmolLM2-135M and
Qwen2.5-Coder-0.5B.  The others are written down from the servers' issues and documentation.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.heard import CAPTURES, Heard, capture, deltas_of, hear
from tests.parts.replies import judged, play
from tests.parts.splits import any_split

from anyclaude.protocol.deltas import Finished, UsageReported

READ = ("Read", '{"file_path":"/a"}')
LS = ("Bash", '{"command":"ls"}')
END = Finished("end_turn")
TOOL = Finished("tool_use")
USAGE = UsageReported(20, 5)
WRITTEN = UsageReported(40, 5, 16, cache_written_tokens=16)

WHOLE: dict[str, Heard] = {
    "llamacpp_text.sse": Heard(
        "Hello, I'm here to help with any creative writing project",
        end=Finished("max_tokens"),
        usage=UsageReported(37, 12, 0, 0.310228, 0.143107),
    ),
    "llamacpp_length.sse": Heard(
        "I'm sorry", end=Finished("max_tokens"), usage=UsageReported(34, 3, 24, 0.152648, 0.025421)
    ),
    "llamacpp_tool_call.sse": Heard(
        calls=(("Read", '{"file_path": "/etc/hostname"}'),),
        end=TOOL,
        usage=UsageReported(184, 24, 0, 2.725628, 0.9803930000000001),
    ),
    "llamacpp_document.json": Heard(
        "Hello! I'm here to", end=Finished("max_tokens"), usage=UsageReported(33, 6, 24, 0.083876, 0.065083)
    ),
    "vllm_reasoning_under_two_names.sse": Heard("42", "Let me see.", end=END, usage=USAGE),
    "reasoning_field.sse": Heard("Yes.", "Hm.", end=END),
    "thinking_field.sse": Heard("Yes.", "Hm.", end=END),
    "mistral_content_parts.sse": Heard("Yes.", "Hm.", end=END),
    "vllm_stop_sequence.sse": Heard("<block>yes", end=Finished("stop_sequence", "</block>"), usage=USAGE),
    "vllm_stop_token.sse": Heard("yes", end=END),
    "sglang_matched_stop.sse": Heard("yes", end=Finished("stop_sequence", "</block>")),
    "vllm_usage_in_every_chunk.sse": Heard("ab", end=END, usage=UsageReported(20, 2, 16)),
    "vllm_tokens_written_to_the_cache.sse": Heard("a", end=END, usage=WRITTEN),
    "openrouter_tokens_written_to_the_cache.sse": Heard("a", end=END, usage=WRITTEN),
    "transformers_usage_in_the_last_chunk.sse": Heard("a", end=END, usage=USAGE),
    "usage_of_zeros_before_the_real_one.sse": Heard("a", end=END, usage=USAGE),
    "usage_written_as_text.sse": Heard("a", end=END, usage=USAGE),
    "no_usage.sse": Heard("a", end=END),
    "ollama_empty_finish_reason.sse": Heard(" Hello there", end=END),
    "null_as_text_in_finish_reason.sse": Heard("ab", end=END),
    "done_without_finish_reason.sse": Heard("ab", end=END),
    "finish_reason_without_done.sse": Heard("a", end=END),
    "no_blank_line_at_the_end.sse": Heard("a", end=END),
    "content_filter.sse": Heard("a", end=Finished("refusal")),
    "gemini_upper_case_reason.sse": Heard("a", end=Finished("max_tokens")),
    "text_after_done.sse": Heard("a", end=END),
    "crlf_and_comments.sse": Heard("ab", end=END),
    "emoji_and_newlines.sse": Heard("Zürich 🏔️\n\n\t— 好", end=END),
    "blank_data_lines.sse": Heard("a", end=END),
    "unknown_objects.sse": Heard("a", end=END),
    "text_then_tool_call.sse": Heard("I will look.", calls=(READ,), end=TOOL, usage=USAGE),
    "tool_call_after_empty_content.sse": Heard(calls=(READ,), end=TOOL),
    "parallel_calls_interleaved.sse": Heard(calls=(READ, LS), end=TOOL),
    "mlx_lm_no_index_no_id.sse": Heard(calls=(READ, READ), end=TOOL),
    "no_index_streamed.sse": Heard(calls=(READ, ("Read", '{"file_path":"/b"}')), end=TOOL),
    "ollama_one_index_for_all.sse": Heard(calls=(READ, LS, READ), end=TOOL),
    "one_index_interleaved_by_id.sse": Heard(calls=(READ, ("Read", '{"file_path":"/b"}')), end=TOOL),
    "one_id_for_all.sse": Heard(calls=(READ, LS), end=TOOL),
    "name_repeated_in_every_fragment.sse": Heard(calls=(READ,), end=TOOL),
    "id_changes_in_every_fragment.sse": Heard(calls=(READ,), end=TOOL),
    "arguments_as_an_object.sse": Heard(calls=(READ,), end=TOOL),
    "arguments_in_the_last_chunk.sse": Heard(calls=(READ,), end=TOOL),
    "arguments_in_the_final_message.sse": Heard(calls=(READ,), end=TOOL),
    "dashscope_trailing_fragment.sse": Heard(calls=(READ,), end=TOOL),
    "call_sent_again_whole.sse": Heard(calls=(READ,), end=TOOL),
    "message_sent_again_whole.sse": Heard("Looking.", calls=(READ,), end=TOOL),
    "growing_message_in_every_chunk.sse": Heard("Hello", end=END),
    "legacy_function_call.sse": Heard(calls=(READ,), end=TOOL),
    "call_without_arguments.sse": Heard(calls=(("TaskList", ""),), end=TOOL),
    "vllm_named_choice_finishes_with_stop.sse": Heard(calls=(READ,), end=END),
    "invalid_arguments.sse": Heard(calls=(("Read", '{"file_path": '),), end=TOOL),
    "call_without_a_name.sse": Heard(calls=(("", READ[1]),), end=TOOL),
    "document_with_tool_calls.json": Heard("Both.", "Hm.", (READ, READ), TOOL, USAGE),
    "document_without_finish_reason.json": Heard("a", end=END),
}
"""Answers that the server finished."""

FAULTS: dict[str, tuple[Heard, str]] = {
    "vllm_abort.sse": (Heard("a"), "BackendTruncated: the backend gave its reply up (finish_reason: abort)"),
    "cut_in_the_middle.sse": (Heard("ab"), "BackendTruncated: the backend closed its reply before"),
    "cut_inside_a_chunk.sse": (Heard("a"), "BackendTruncated: the backend closed its reply before"),
    "cut_inside_a_character.sse": (Heard("a"), "BackendTruncated: the backend closed its reply before"),
    "done_without_a_reply.sse": (Heard(), "BackendTruncated: the backend closed its reply before"),
    "nothing.sse": (Heard(), "BackendTruncated: the backend's reply is empty"),
    "comments_only.sse": (Heard(), "BackendTruncated: the backend closed its reply before"),
    "vllm_error_in_the_stream.sse": (Heard("a"), "BackendRejected: EngineCore encountered an issue."),
    "vllm_old_error_in_the_stream.sse": (Heard("a"), "BackendRejected: out of memory"),
    "openrouter_error_in_the_stream.sse": (Heard("a"), "BackendRejected: Provider disconnected: worker lost"),
    "lmstudio_error_event.sse": (Heard(), "BackendRejected: prompt is too long: 13055 tokens > 4096 maximum"),
    "error_as_a_string.sse": (Heard(), "BackendRejected: model runner has unexpectedly stopped"),
    "error_event_with_plain_text.sse": (Heard(), "BackendRejected: the model crashed"),
    "llamacpp_error_in_the_stream.sse": (Heard("a"), "BackendRejected: Context size has been exceeded."),
    "llamacpp_error_line.sse": (Heard("a"), "BackendRejected: Input prompt is too big compared to KV size."),
    "error_object_without_a_field.sse": (Heard("a"), "BackendRejected: model runner crashed"),
    "garbage.sse": (Heard("a"), "BackendGarbled: the backend sent something that is not a chat completion"),
    "numbers_for_chunks.sse": (Heard(), "BackendGarbled: the backend sent something that is not a chat completion"),
    "web_page.html": (Heard(), "BackendGarbled: the backend answered with a web page"),
    "document_with_an_error.json": (Heard(), "BackendRejected: no such model"),
    "document_without_choices.json": (Heard(), "BackendTruncated: the backend closed its reply before"),
    "document_cut_short.json": (Heard(), "BackendTruncated: the backend's reply ended in the middle"),
}
"""Answers that fail, with what is heard before."""

ONLY_FOR_THE_GRAMMAR = {"llamacpp_after_tool_result.sse", "llamacpp_tool_choice_required.sse"}
NO_ANSWERS = {"llamacpp_overflow.json"}


@pytest.mark.parametrize("name", WHOLE)
def test_a_finished_answer_is_understood(name: str) -> None:
    heard = hear([capture(name)])

    assert heard == WHOLE[name]
    assert heard.fault == ""


@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_answer_says_why_and_keeps_what_came_before(name: str) -> None:
    expected, fault = FAULTS[name]

    heard = hear([capture(name)])

    assert heard == expected
    assert heard.fault.startswith(fault)


@pytest.mark.parametrize("name", [*WHOLE, *FAULTS, *ONLY_FOR_THE_GRAMMAR])
def test_an_answer_that_arrives_byte_by_byte_is_the_same(name: str) -> None:
    raw = capture(name)

    deltas, failure = deltas_of([raw[at : at + 1] for at in range(len(raw))])

    assert (deltas, repr(failure)) == _whole(raw)


@given(st.sampled_from([*WHOLE, *FAULTS]).flatmap(lambda name: any_split(capture(name))))
def test_any_split_of_the_bytes_is_understood_the_same(pieces: list[bytes]) -> None:
    deltas, failure = deltas_of(pieces)

    assert (deltas, repr(failure)) == _whole(b"".join(pieces))


@pytest.mark.parametrize("name", [*WHOLE, *ONLY_FOR_THE_GRAMMAR])
def test_every_finished_answer_makes_a_message_the_client_takes(name: str) -> None:
    deltas, _ = deltas_of([capture(name)])

    verdict = judged(play([deltas]))

    assert verdict.outcome == ("failed" if name == "call_without_a_name.sse" else "whole")
    assert [call for call in verdict.tool_inputs() if call[1] != "{}"] == [
        call for call in hear([capture(name)]).calls if all(call)
    ]


@given(
    st.sampled_from([*WHOLE, *FAULTS])
    .map(capture)
    .flatmap(lambda raw: st.tuples(st.just(raw), st.integers(0, len(raw))))
)
def test_an_answer_cut_anywhere_is_never_taken_for_more_than_it_is(cut: tuple[bytes, int]) -> None:
    raw, length = cut

    whole, part = hear([raw]), hear([raw[:length]])

    assert whole.text.startswith(part.text)
    assert whole.thinking.startswith(part.thinking)
    assert part.end is not None or part.failure is not None


def test_every_capture_is_accounted_for() -> None:
    recorded = {path.name for path in CAPTURES.iterdir()}

    assert recorded == {*WHOLE, *FAULTS, *ONLY_FOR_THE_GRAMMAR, *NO_ANSWERS}


def _whole(raw: bytes) -> tuple[object, str]:
    deltas, failure = deltas_of([raw])
    return deltas, repr(failure)
