"""
Understand an answer: a stream of chunks, or one whole completion.

This path is paid for per token: a chunk that adds some text costs one pass of msgspec and a
few comparisons.
"""

from anyclaude.errors import BackendError, BackendGarbled, BackendTruncated
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, UsageReported
from anyclaude.protocol.json_values import JsonError, decode_json
from anyclaude.protocol.sse import BYTE_ORDER_MARK, DEFAULT_MAX_EVENT_BYTES, EventTooLarge, ServerSentEvent, SseDecoder

from .rejections import rejection_of_event
from .tool_calls import LEGACY_INDEX, ToolCalls
from .wire import CallPart, Choice, Chunk, Counted, PromptDetails, Said, Timings, decode_chunk

DONE = b"[DONE]"

ERROR_LINE = b"error:"
"""Older llama.cpp servers write the name of the event where the field's name belongs (`server_sent_event`)."""

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
"""What servers say in `finish_reason`, in lower case.  Every other word means that the model came to its end."""

NOT_FINISHED = frozenset({"", "null"})
"""What stands in `finish_reason` before the end: nothing (Ollama issue 4357, SGLang issue 3912), or null as text."""

CUT_SHORT = frozenset({"abort", "cancelled", "error", "insufficient_system_resource"})
"""The server gave the reply up.  vLLM and SGLang say abort, OpenRouter error, DeepSeek's API the last."""


class ReplyDecoder:
    """
    Decodes one answer, whichever of the two kinds it is.

    The first byte tells, not the content type: servers ignore `stream`, and label one kind as the other.
    """

    def __init__(self) -> None:
        self._decoder: StreamDecoder | DocumentDecoder | None = None
        self._head = b""

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return what `chunk` adds."""
        if self._decoder is None:
            return self._begin(chunk)
        return self._decoder.feed(chunk)

    def finish(self) -> list[Delta]:
        """Return what only the end of the answer settles."""
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
        self._decoder = DocumentDecoder() if start.startswith(b"{") else StreamDecoder()
        return self._decoder.feed(start)


class StreamDecoder:
    """Decodes a stream of chunks."""

    def __init__(self) -> None:
        self._events = SseDecoder(keeps_unknown_lines=True)
        self._reply = _Reply()
        self._is_done = False
        self._failure: BackendError | None = None

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Return what `chunk` adds.

        An error waits until what came before it has been handed on, and is raised by the next
        call: the deltas are the same for any split of the bytes.
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
            self._failure = BackendGarbled(f"the backend's stream cannot be followed: {error}")
        except BackendError as error:
            self._failure = error
        if self._failure is not None and not deltas:
            raise self._failure
        return deltas

    def finish(self) -> list[Delta]:
        """Return what an unterminated last event adds, if it is whole; raises `BackendTruncated`."""
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
    """Decodes one whole completion, once all its bytes are there."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Delta]:
        """Keep `chunk`; raises `BackendGarbled` for more than any honest reply holds."""
        self._size += len(chunk)
        if self._size > DEFAULT_MAX_EVENT_BYTES:
            raise BackendGarbled(f"the backend's reply is larger than {DEFAULT_MAX_EVENT_BYTES} bytes")
        self._pieces.append(chunk)
        return []

    def finish(self) -> list[Delta]:
        """Return the whole reply; raises `BackendTruncated` for a document that is not whole."""
        body = b"".join(self._pieces).rstrip()
        if not body.endswith(b"}"):
            raise BackendTruncated("the backend's reply ended in the middle of its JSON document")
        deltas: list[Delta] = []
        reply = _Reply()
        reply.take(decode_chunk(body), deltas)
        reply.end(deltas)  # a document that is whole needs no other sign of its end
        reply.require_end()
        return deltas


class _Reply:
    """What has been said so far, as much of it as is needed to understand the rest."""

    def __init__(self) -> None:
        self._calls = ToolCalls()
        self._has_begun = False
        self._has_text = False
        self._has_reasoning = False
        self._is_finished = False
        self._cut_by = ""

    def take(self, chunk: Chunk, deltas: list[Delta]) -> None:
        """Add what a chunk says to `deltas`."""
        if chunk.choices:
            choice = chunk.choices[0]
            self._has_begun = True
            if choice.delta is not None:
                self._say(choice.delta, deltas)
            if choice.message is not None and (choice.delta is None or choice.finish_reason):
                self._say_whole(choice.message, deltas)
            if choice.finish_reason is not None:
                self._stop(choice, choice.finish_reason, deltas)
        if chunk.usage is not None or chunk.timings is not None:
            deltas.append(_reported(chunk.usage or Counted(), chunk.timings or Timings()))

    def end(self, deltas: list[Delta]) -> None:
        """The server says that this was all; some never give a reason."""
        if self._has_begun and not self._is_finished and not self._cut_by:
            self._is_finished = True
            deltas.append(Finished("end_turn"))

    def require_end(self) -> None:
        """Raise `BackendTruncated` unless the server has finished the reply."""
        if self._cut_by:
            raise BackendTruncated(f"the backend gave its reply up (finish_reason: {self._cut_by})")
        if not self._is_finished:
            raise BackendTruncated("the backend closed its reply before it had finished it")

    def _say(self, said: Said, deltas: list[Delta]) -> None:
        # one of them: servers send the same text under two names while they rename the field
        if reasoning := said.reasoning_content or said.reasoning or said.thinking:
            self._has_reasoning = True
            deltas.append(ThinkingDelta(reasoning))
        if text := said.content or said.refusal:
            self._has_text = True
            deltas.append(TextDelta(text))
        if said.tool_calls or said.function_call is not None:
            deltas.extend(self._calls.take(_calls_in(said)))

    def _say_whole(self, said: Said, deltas: list[Delta]) -> None:
        """Add what a whole message says that its pieces have not said before."""
        reasoning = said.reasoning_content or said.reasoning or said.thinking
        if reasoning and not self._has_reasoning:
            self._has_reasoning = True
            deltas.append(ThinkingDelta(reasoning))
        text = said.content or said.refusal
        if text and not self._has_text:
            self._has_text = True
            deltas.append(TextDelta(text))
        deltas.extend(self._calls.take_whole(_calls_in(said)))

    def _stop(self, choice: Choice, finish_reason: str, deltas: list[Delta]) -> None:
        reason = finish_reason.lower()
        if reason in CUT_SHORT:
            self._cut_by = finish_reason
        elif reason not in NOT_FINISHED:
            self._is_finished = True
            deltas.append(_finished(choice, reason))


def _calls_in(said: Said) -> list[CallPart]:
    """Return the tool calls; the legacy field holds one, and some servers send it beside the list that replaced it."""
    if said.tool_calls or said.function_call is None:
        return said.tool_calls or []
    return [CallPart(LEGACY_INDEX, function=said.function_call)]


def _finished(choice: Choice, reason: str) -> Finished:
    """Return why the model stopped; a stop sequence that matched is told beside the reason, which is then `stop`."""
    for matched in (choice.stop_reason, choice.matched_stop):
        if reason == "stop" and isinstance(matched, str) and matched.lower() not in {*STOP_REASONS, "stop", "eos"}:
            return Finished("stop_sequence", matched)
    return Finished(STOP_REASONS.get(reason, "end_turn"))


def _reported(counted: Counted, timings: Timings) -> UsageReported:
    """
    Return the engine's counts.

    `timings` are llama.cpp's own, and win.  A prompt of zero tokens does not exist: it is what
    servers send before they know, or when they do not count.
    """
    details = counted.prompt_tokens_details or PromptDetails()
    cached, prompt = details.cached_tokens, counted.prompt_tokens
    written = details.cache_write_tokens if details.created_cache_tokens is None else details.created_cache_tokens
    if timings.cache_n is not None and timings.prompt_n is not None:
        cached, prompt = timings.cache_n, timings.cache_n + timings.prompt_n
    output = timings.predicted_n if counted.completion_tokens is None else counted.completion_tokens
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
    """Whether bytes that nobody has terminated are at least one whole object."""
    if not data.lstrip().startswith(b"{"):
        return False
    try:
        decode_json(data)
    except JsonError:
        return False
    return True
