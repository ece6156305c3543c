"""
What the chunks of one reply add up to: its deltas, its end, and the signs that it is broken or no reply at all.

This path is paid for per token: a chunk that adds text costs a few comparisons.
"""

from collections.abc import Mapping

from anyclaude.dialects.base import EngineProgress
from anyclaude.dialects.earlier_replies import EarlierReplies
from anyclaude.errors import BackendGarbled, BackendTruncated, BadSample
from anyclaude.protocol.deltas import (
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageReported,
    reported_count,
    reported_seconds,
)
from anyclaude.protocol.json_values import with_whole_characters
from anyclaude.secret import masked

from .rejections import rejection_of_body
from .split_characters import SplitCharacters
from .tool_calls import LEGACY_INDEX, ToolCalls
from .wire import CallPart, ChatMessage, Choice, Chunk, PromptDetails, PromptProgress, ReplyId, Timings, WireUsage

STOP_REASONS: dict[str, StopReason] = {
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "model_context_window_exceeded",  # Mistral's API
    "model_context_window_exceeded": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",  # Gemini's compatible endpoint
    "stop_sequence": "stop_sequence",
}
"""The values of `finish_reason`, in lower case.  Every other value means that the model ended its reply."""

NOT_FINISHED = frozenset({"", "null"})
"""The values of `finish_reason` before the end: empty (Ollama issue 4357, SGLang issue 3912), or null as text."""

ABORTED = frozenset({"abort", "cancelled", "error", "insufficient_system_resource"})
"""The server aborted the reply.  vLLM and SGLang send abort, OpenRouter error, DeepSeek's API the last."""

MAX_CHOICES = 16
"""A request asks for one; GitHub Copilot's API sends two."""

MAX_ID_CHARACTERS = 256
"""The ids of replies have less than 50; a longer one is not remembered."""

CUT = "the backend closed its reply before it had finished it"
LOST_CALL = "the backend ended its reply for a tool call that it did not send"


class Reply:
    """The part of a reply so far that is needed to decode the rest."""

    def __init__(self, tool_names: Mapping[str, str], earlier_replies: EarlierReplies) -> None:
        self._earlier_replies = earlier_replies
        self._calls = ToolCalls(tool_names)
        self._text = SplitCharacters()
        self._reasoning = SplitCharacters()
        self._first_id: ReplyId = None
        self._id: ReplyId = None  # that of the last chunk
        self._message: ChatMessage | None = None  # beside a delta, and not read yet
        self._prose_place: int | None = None  # of the choice with the text, if that is not the first
        self._without_choices = b""  # the first chunk that has none, nor any counts
        self._has_text = False
        self._has_reasoning = False
        self._is_finished = False
        self._awaits_call = False  # it is finished, but for the call that is the reason
        self._aborted_by = ""
        self._prompt_progress = PromptProgress()
        self._timings = Timings()  # of a token, if each has them
        self.has_begun = False
        """Whether any chunk of it has arrived."""

    @property
    def is_something_else(self) -> bool:
        """Whether all that has arrived is JSON without the parts of a reply."""
        return not self.has_begun and b'"choices"' not in self._without_choices and self._without_choices != b"{}"

    @property
    def engine_progress(self) -> EngineProgress:
        """How far the engine says that it is."""
        prompt, timings = self._prompt_progress, self._timings
        return EngineProgress(
            prompt_tokens=reported_count(prompt.total),
            evaluated_tokens=reported_count(prompt.processed),
            cached_tokens=reported_count(prompt.cache),
            output_tokens=reported_count(timings.predicted_n),
            generation_seconds=_seconds(timings.predicted_ms),
        )

    def take(self, chunk: Chunk, data: bytes, deltas: list[Delta]) -> None:
        """
        Add the deltas of a chunk, which was decoded from `data`, to `deltas`.

        Raises:
            BackendTruncated: when the chunk belongs to an earlier reply.
            BackendGarbled: when it has more choices, calls or fields than a reply can have.
        """
        if chunk.id != self._id:
            self._take_id(chunk.id)
        reason = None
        if choices := chunk.choices:
            choice = choices[0]
            self.has_begun = True
            if choice.delta is not None:
                self._add_delta(choice.delta, deltas)
            if choice.message is not None:
                self._keep_message(choice, choice.message, deltas)
            reason = choice.finish_reason
            if len(choices) > 1:
                _require_few(choices)
                self._add_others(choices, deltas)
                reason = next((other.finish_reason for other in choices if other.finish_reason), None)
            if reason is not None:
                self._stop(choice, reason, deltas)
                if choice.usage is not None:
                    deltas.append(_usage_reported(choice.usage, Timings()))
        if chunk.usage is not None or chunk.timings is not None or chunk.prompt_progress is not None:
            self._take_counts(chunk, deltas, is_before_end=bool(choices) and reason is None)
        elif not choices:
            self._without_choices = self._without_choices or data

    def end(self, deltas: list[Delta]) -> None:
        """Add the end that `[DONE]` marks; some servers never give a reason."""
        if self.has_begun and not self._is_finished and not self._aborted_by:
            self._finish(Finished("tool_use" if self._awaits_call else "end_turn"), deltas)

    def require_end(self, deltas: list[Delta]) -> None:
        """
        Check that the server has finished the reply; add its end if only the call that it ended for came after that.

        Raises:
            BackendRejected: when it has said something else instead of replying.
            BadSample: when it ended for a call that it did not send.
            BackendTruncated: when it has not finished.
        """
        if self._aborted_by:
            raise BackendTruncated(f"the backend aborted its reply (finish_reason: {self._aborted_by})")
        if self._without_choices and not self.has_begun and (refusal := rejection_of_body(self._without_choices)):
            raise refusal
        if self._awaits_call:
            self.end(deltas)
        if self._awaits_call:
            raise BadSample(LOST_CALL, 502, "api_error")
        if not self._is_finished:
            raise BackendTruncated(CUT)

    def _take_counts(self, chunk: Chunk, deltas: list[Delta], *, is_before_end: bool) -> None:
        """Add the engine's counts; those that come with a token say how far it is, and no client needs them."""
        self._prompt_progress = chunk.prompt_progress or self._prompt_progress
        if is_before_end and chunk.usage is None:
            self._timings = chunk.timings or self._timings
        else:
            deltas.append(_usage_reported(chunk.usage or WireUsage(), chunk.timings or Timings()))

    def _take_id(self, chunk_id: ReplyId) -> None:
        """Remember the id of a chunk; some servers give every chunk another one, or only the first."""
        if not chunk_id or chunk_id == self._first_id:
            return
        if len(str(chunk_id)) > MAX_ID_CHARACTERS:
            return
        if self._earlier_replies.refuses(str(chunk_id)):
            raise BackendTruncated("the backend wrote another request's reply into this one")
        self._id = chunk_id
        if self._first_id is None:
            self._first_id = chunk_id
            self._earlier_replies.add(str(chunk_id))

    def _add_delta(self, message: ChatMessage, deltas: list[Delta]) -> None:
        # one of the names: servers send the same text under two names while they rename the field
        if reasoning := message.reasoning_content or message.reasoning or message.thinking:
            self._add_reasoning(self._reasoning.whole(reasoning), deltas)
        if text := message.content or message.refusal:
            self._add_text(self._text.whole(text), deltas)
        else:
            self._calls.received.add_message(message)
        if message.tool_calls or message.function_call is not None:
            deltas.extend(self._calls.take(_calls_in(message)))

    def _add_others(self, choices: list[Choice], deltas: list[Delta]) -> None:
        """
        Add what the other choices have, as a request asks for one: their calls, and the text if the first has none.

        GitHub Copilot's API puts text and calls into two (copilot-api issue 81).
        """
        for place, other in enumerate(choices[1:], 1):
            message = other.delta if other.delta is not None else other.message
            if message is not None and self._prose_place is None and self._lacks_prose_of(message):
                self._prose_place = place
            if message is not None and self._prose_place == place:
                self._add_delta(message, deltas)
            elif message is not None:
                deltas.extend(self._calls.take(_calls_in(message)))
            if other.delta is not None and other.message is not None:
                deltas.extend(self._calls.take(_calls_in(other.message)))

    def _lacks_prose_of(self, message: ChatMessage) -> bool:
        """Return whether a message of another choice has text or reasoning and the reply has none of it yet."""
        if message.content or message.refusal:
            return not self._has_text
        return bool(_reasoning_of(message)) and not (self._has_text or self._has_reasoning)

    def _add_reasoning(self, text: str, deltas: list[Delta]) -> None:
        if text:
            self._has_reasoning = True
            self._calls.received.add_reasoning(text)
            deltas.extend(self._calls.settle())
            deltas.append(ThinkingDelta(text))

    def _add_text(self, text: str, deltas: list[Delta]) -> None:
        if text:
            self._has_text = True
            deltas.extend(self._calls.settle())
            deltas.append(TextDelta(text))

    def _add_halves(self, deltas: list[Delta]) -> None:
        """Add what is left of characters whose other half never came."""
        self._add_reasoning(self._reasoning.rest(), deltas)
        self._add_text(self._text.rest(), deltas)

    def _keep_message(self, choice: Choice, message: ChatMessage, deltas: list[Delta]) -> None:
        """Add a whole message, or keep it until the end if deltas may still bring what it has."""
        if choice.delta is None or choice.finish_reason:
            self._message = None
            self._add_message(message, deltas)
        else:
            self._message = message

    def _add_message(self, message: ChatMessage, deltas: list[Delta]) -> None:
        """Add the parts of a whole message that the deltas before it did not have."""
        reasoning = _reasoning_of(message)
        if reasoning and not self._has_reasoning:
            self._add_reasoning(with_whole_characters(reasoning), deltas)
        text = message.content or message.refusal
        if text and not self._has_text:
            self._add_text(with_whole_characters(text), deltas)
        self._calls.received.add_message(message)
        deltas.extend(self._calls.take_whole(_calls_in(message)))

    def _stop(self, choice: Choice, finish_reason: str, deltas: list[Delta]) -> None:
        reason = finish_reason.lower()
        if reason in ABORTED:
            self._aborted_by = finish_reason
        elif reason not in NOT_FINISHED:
            self._finish(_finished(choice, reason), deltas)

    def _finish(self, end: Finished, deltas: list[Delta]) -> None:
        """Add the end of the reply and what was kept until then."""
        self._add_halves(deltas)
        if self._message is not None:
            self._add_message(self._message, deltas)
        deltas.extend(self._calls.end())
        is_empty = not (self._calls.are_any or self._has_text or self._has_reasoning)
        self._awaits_call = end.reason == "tool_use" and is_empty  # elsewhere the call may be in the text
        if not self._awaits_call:
            self._is_finished = True
            deltas.append(end)


def _require_few(choices: list[Choice]) -> None:
    if len(choices) > MAX_CHOICES:
        raise BackendGarbled(f"the backend sent {len(choices):,} choices where one was asked for")


def _reasoning_of(message: ChatMessage) -> str | None:
    return message.reasoning_content or message.reasoning or message.thinking


def _calls_in(message: ChatMessage) -> list[CallPart]:
    """Return the tool calls; the legacy field holds one, and some servers send it beside the list that replaced it."""
    if message.tool_calls or message.function_call is None:
        return message.tool_calls or []
    return [CallPart(LEGACY_INDEX, function=message.function_call)]


def _finished(choice: Choice, reason: str) -> Finished:
    """Return why the model stopped; a matched stop sequence is in a field beside the reason, which is then `stop`."""
    for matched in (choice.stop_reason, choice.matched_stop):
        if reason == "stop" and isinstance(matched, str) and matched.lower() not in {*STOP_REASONS, "stop", "eos"}:
            return Finished("stop_sequence", masked(matched))
    return Finished(STOP_REASONS.get(reason, "end_turn"))


def _usage_reported(usage: WireUsage, timings: Timings) -> UsageReported:
    """
    Return the engine's counts.

    `timings` are llama.cpp's own, and take precedence.  A prompt of zero tokens does not exist: servers send zero
    before they know the number, or when they do not count.
    """
    details = usage.prompt_tokens_details or PromptDetails()
    cached = usage.prompt_cache_hit_tokens if details.cached_tokens is None else details.cached_tokens
    prompt = usage.input_tokens if usage.prompt_tokens is None else usage.prompt_tokens
    written = details.cache_write_tokens if details.created_cache_tokens is None else details.created_cache_tokens
    if timings.cache_n is not None and timings.prompt_n is not None:
        cached, prompt = timings.cache_n, timings.cache_n + timings.prompt_n
    counts = (usage.completion_tokens, usage.output_tokens, timings.predicted_n)
    output = next((count for count in counts if count is not None), None)
    return UsageReported(
        input_tokens=reported_count(prompt) or None,
        output_tokens=reported_count(output),
        cached_tokens=reported_count(cached),
        prefill_seconds=_seconds(timings.prompt_ms),
        generation_seconds=_seconds(timings.predicted_ms),
        cache_written_tokens=reported_count(written),
        drafted_tokens=reported_count(timings.draft_n),
        accepted_tokens=reported_count(timings.draft_n_accepted),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else reported_seconds(milliseconds / 1000)
