"""
Decode a reply: a stream of chunks, or one whole completion.

This path is paid for per token: a chunk that adds text costs one pass of msgspec and a few comparisons.
"""

from collections.abc import Mapping

from anyclaude.errors import BackendError, BackendGarbled, BackendTruncated
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, UsageReported
from anyclaude.protocol.json_values import JsonError, decode_json, with_whole_characters
from anyclaude.protocol.sse import BYTE_ORDER_MARK, DEFAULT_MAX_EVENT_BYTES, EventTooLarge, ServerSentEvent, SseDecoder

from .rejections import rejection_of_event
from .split_characters import SplitCharacters
from .tool_calls import LEGACY_INDEX, NO_NAMES, ToolCalls
from .wire import CallPart, ChatMessage, Choice, Chunk, PromptDetails, Timings, WireUsage, decode_chunk

DONE = b"[DONE]"

ERROR_LINE = b"error:"
"""Older llama.cpp servers write the name of the event in place of the field's name (`server_sent_event`)."""

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


class ReplyDecoder:
    """
    Decodes one reply of either kind.

    The first byte decides, not the content type: servers ignore `stream`, and label one kind as the other.
    """

    def __init__(self, tool_names: Mapping[str, str] = NO_NAMES) -> None:
        """Take the own names of the tools that have another one on the wire."""
        self._tool_names = tool_names
        self._decoder: StreamDecoder | DocumentDecoder | None = None
        self._head = b""

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that `chunk` adds.  Raises `BackendGarbled` and `BackendRejected`."""
        if self._decoder is None:
            return self._begin(chunk)
        return self._decoder.feed(chunk)

    def finish(self) -> list[Delta]:
        """
        Return the deltas that only the end of the reply decides.

        Raises:
            BackendTruncated: when the reply is empty, or ended before it was finished.
        """
        if self._decoder is None:
            raise BackendTruncated("the backend's reply is empty")
        return self._decoder.finish()

    def _begin(self, chunk: bytes) -> list[Delta]:
        self._head += chunk
        start = self._head.removeprefix(BYTE_ORDER_MARK).lstrip()
        if not start or BYTE_ORDER_MARK.startswith(start):
            return []
        if start.startswith(b"<"):
            raise BackendGarbled("the backend answered with a web page instead of a chat completion")
        make = DocumentDecoder if start.startswith(b"{") else StreamDecoder
        self._decoder = make(self._tool_names)
        return self._decoder.feed(start)


class StreamDecoder:
    """Decodes a stream of chunks."""

    def __init__(self, tool_names: Mapping[str, str]) -> None:
        self._events = SseDecoder(keeps_unknown_lines=True)
        self._reply = _Reply(tool_names)
        self._is_done = False
        self._failure: BackendError | None = None

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Return the deltas that `chunk` adds.

        If deltas precede an error, they are returned first and the error is raised by the next call: the deltas are
        the same for any split of the bytes.

        Raises:
            BackendGarbled: when the bytes cannot be understood.
            BackendRejected: when the server sent an error.
        """
        if self._failure is not None:
            raise self._failure
        deltas: list[Delta] = []
        try:
            for event in self._events.feed(chunk):
                data = event.data
                if data[:1] == b"{" and event.event == "message" and not self._is_done:
                    self._reply.take(decode_chunk(data), deltas)
                else:
                    self._take(event, deltas)
        except EventTooLarge as error:
            self._failure = BackendGarbled(f"the backend's stream cannot be decoded: {error}")
        except BackendError as error:
            self._failure = error
        if self._failure is not None and not deltas:
            raise self._failure
        return deltas

    def finish(self) -> list[Delta]:
        """Return the deltas of a last event that is whole but unterminated.  Raises `BackendTruncated`."""
        if self._failure is not None:
            raise self._failure
        deltas: list[Delta] = []
        for event in self._events.flush():
            if event.data.strip() == DONE or _is_json(event.data):
                self._take(event, deltas)
        self._reply.require_end()
        return deltas

    def _take(self, event: ServerSentEvent, deltas: list[Delta]) -> None:
        data = event.data.strip()
        if self._is_done or not data:
            return
        if event.event == "error" or data.startswith(ERROR_LINE):
            raise rejection_of_event(data.removeprefix(ERROR_LINE))
        if data == DONE:
            self._is_done = True
            self._reply.end(deltas)
        else:
            self._reply.take(decode_chunk(data), deltas)


class DocumentDecoder:
    """Decodes one whole completion, once all its bytes have arrived."""

    def __init__(self, tool_names: Mapping[str, str]) -> None:
        self._tool_names = tool_names
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Keep `chunk`.

        Raises:
            BackendGarbled: when the document is larger than any valid reply.
        """
        self._size += len(chunk)
        if self._size > DEFAULT_MAX_EVENT_BYTES:
            raise BackendGarbled(f"the backend's reply is larger than {DEFAULT_MAX_EVENT_BYTES} bytes")
        self._pieces.append(chunk)
        return []

    def finish(self) -> list[Delta]:
        """
        Return the deltas of the whole reply.

        Raises:
            BackendTruncated: when the document is not whole.
        """
        body = b"".join(self._pieces).rstrip()
        if not body.endswith(b"}"):
            raise BackendTruncated("the backend's reply ended in the middle of its JSON document")
        deltas: list[Delta] = []
        reply = _Reply(self._tool_names)
        reply.take(decode_chunk(body), deltas)
        reply.end(deltas)  # a whole document needs no other sign of its end
        reply.require_end()
        return deltas


class _Reply:
    """The part of the reply so far that is needed to decode the rest."""

    def __init__(self, tool_names: Mapping[str, str]) -> None:
        self._calls = ToolCalls(tool_names)
        self._text = SplitCharacters()
        self._reasoning = SplitCharacters()
        self._has_begun = False
        self._has_text = False
        self._has_reasoning = False
        self._is_finished = False
        self._aborted_by = ""

    def take(self, chunk: Chunk, deltas: list[Delta]) -> None:
        """Add the deltas of a chunk to `deltas`."""
        if chunk.choices:
            choice = chunk.choices[0]
            self._has_begun = True
            if choice.delta is not None:
                self._add_delta(choice.delta, deltas)
            if choice.message is not None and (choice.delta is None or choice.finish_reason):
                self._add_message(choice.message, deltas)
            for other in chunk.choices[1:]:
                self._add_calls_of(other, deltas)
            if choice.finish_reason is not None:
                self._stop(choice, choice.finish_reason, deltas)
        if chunk.usage is not None or chunk.timings is not None:
            deltas.append(_usage_reported(chunk.usage or WireUsage(), chunk.timings or Timings()))

    def end(self, deltas: list[Delta]) -> None:
        """Add the end that `[DONE]` marks; some servers never give a reason."""
        if self._has_begun and not self._is_finished and not self._aborted_by:
            self._is_finished = True
            self._add_halves(deltas)
            deltas.extend(self._calls.end())
            deltas.append(Finished("end_turn"))

    def require_end(self) -> None:
        """
        Check that the server has finished the reply.

        Raises:
            BackendTruncated: when it has not.
        """
        if self._aborted_by:
            raise BackendTruncated(f"the backend aborted its reply (finish_reason: {self._aborted_by})")
        if not self._is_finished:
            raise BackendTruncated("the backend closed its reply before it had finished it")

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

    def _add_calls_of(self, other: Choice, deltas: list[Delta]) -> None:
        """Add the calls of another choice: GitHub Copilot's API puts text and calls into two (copilot-api issue 81)."""
        for message in (other.delta, other.message):
            if message is not None:
                deltas.extend(self._calls.take(_calls_in(message)))

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

    def _add_message(self, message: ChatMessage, deltas: list[Delta]) -> None:
        """Add the parts of a whole message that the deltas before it did not have."""
        reasoning = message.reasoning_content or message.reasoning or message.thinking
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
            self._is_finished = True
            self._add_halves(deltas)
            deltas.extend(self._calls.end())
            deltas.append(_finished(choice, reason))


def _calls_in(message: ChatMessage) -> list[CallPart]:
    """Return the tool calls; the legacy field holds one, and some servers send it beside the list that replaced it."""
    if message.tool_calls or message.function_call is None:
        return message.tool_calls or []
    return [CallPart(LEGACY_INDEX, function=message.function_call)]


def _finished(choice: Choice, reason: str) -> Finished:
    """Return why the model stopped; a matched stop sequence is in a field beside the reason, which is then `stop`."""
    for matched in (choice.stop_reason, choice.matched_stop):
        if reason == "stop" and isinstance(matched, str) and matched.lower() not in {*STOP_REASONS, "stop", "eos"}:
            return Finished("stop_sequence", matched)
    return Finished(STOP_REASONS.get(reason, "end_turn"))


def _usage_reported(usage: WireUsage, timings: Timings) -> UsageReported:
    """
    Return the engine's counts.

    `timings` are llama.cpp's own, and take precedence.  A prompt of zero tokens does not exist: servers send zero
    before they know the number, or when they do not count.
    """
    details = usage.prompt_tokens_details or PromptDetails()
    cached, prompt = details.cached_tokens, usage.prompt_tokens
    written = details.cache_write_tokens if details.created_cache_tokens is None else details.created_cache_tokens
    if timings.cache_n is not None and timings.prompt_n is not None:
        cached, prompt = timings.cache_n, timings.cache_n + timings.prompt_n
    output = timings.predicted_n if usage.completion_tokens is None else usage.completion_tokens
    return UsageReported(
        input_tokens=_count(prompt) or None,
        output_tokens=_count(output),
        cached_tokens=_count(cached),
        prefill_seconds=_seconds(timings.prompt_ms),
        generation_seconds=_seconds(timings.predicted_ms),
        cache_written_tokens=_count(written),
    )


def _count(tokens: int | None) -> int | None:
    return None if tokens is None or tokens < 0 else tokens


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None or milliseconds < 0 else milliseconds / 1000


def _is_json(data: bytes) -> bool:
    """Return whether an unterminated event is one whole JSON object."""
    if not data.lstrip().startswith(b"{"):
        return False
    try:
        decode_json(data)
    except JsonError:
        return False
    return True
