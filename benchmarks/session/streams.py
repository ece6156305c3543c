"""The two event streams in which a reply is delivered: Anthropic's, and that of Chat Completions."""

import itertools
from collections.abc import Iterable
from typing import Protocol

from tests.parts.chat_reply import sse

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.events import encode_event
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.message_stream import MessageStream


class Stream(Protocol):
    """Encodes the deltas of one reply."""

    def open(self) -> bytes:
        """Return the beginning of the reply."""

    def feed(self, deltas: Iterable[Delta]) -> bytes:
        """Return the bytes for some deltas."""

    def close(self) -> bytes:
        """Return the end of the reply."""


class MessagesStream:
    """Anthropic's events, as the engine's own `/v1/messages` sends them."""

    def __init__(self, model: str, number: int) -> None:
        calls = itertools.count(1)
        self._stream = MessageStream(f"chatcmpl-{number}", model, lambda: f"toolu_{number:06d}{next(calls):018d}")

    def open(self) -> bytes:
        """Return the start of the message."""
        return b"".join(map(encode_event, self._stream.open()))

    def feed(self, deltas: Iterable[Delta]) -> bytes:
        """Return the events of some deltas."""
        return b"".join(map(encode_event, self._stream.feed(deltas)))

    def close(self) -> bytes:
        """Return the end of the message."""
        return b"".join(map(encode_event, self._stream.close()))


class ChatStream:
    """The chunks of Chat Completions, as llama.cpp sends them."""

    def __init__(self, model: str, number: int) -> None:
        self._envelope: JsonObject = {"id": f"chatcmpl-{number}", "model": model, "object": "chat.completion.chunk"}
        self._call_id = f"{number:032d}"
        self._has_called = False

    def open(self) -> bytes:
        """Return the chunk with the role."""
        return self._chunk({"role": "assistant", "content": None})

    def feed(self, deltas: Iterable[Delta]) -> bytes:
        """Return the chunks of some deltas."""
        return b"".join(map(self._encoded, deltas))

    def close(self) -> bytes:
        """Return what follows the last chunk."""
        return b"data: [DONE]\n\n"

    def _encoded(self, delta: Delta) -> bytes:
        match delta:
            case TextDelta(text):
                return self._chunk({"content": text})
            case ToolCallDelta(slot, name, arguments):
                function: JsonObject = {"arguments": arguments}
                call: JsonObject = {"index": slot, "function": function}
                if not self._has_called:
                    call = {**call, "id": self._call_id, "type": "function", "function": {"name": name, **function}}
                self._has_called = True
                return self._chunk({"tool_calls": [call]})
            case UsageReported():
                return sse({**self._envelope, "choices": [], **_usage(delta)})
            case Finished():
                return self._chunk({}, "tool_calls" if self._has_called else "stop")
            case _:
                raise AssertionError(f"no scripted reply contains {delta}")

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> bytes:
        return sse({**self._envelope, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


def _usage(usage: UsageReported) -> JsonObject:
    prompt, written, cached = usage.input_tokens or 0, usage.output_tokens or 0, usage.cached_tokens or 0
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
        "timings": {
            "cache_n": cached,
            "prompt_n": prompt - cached,
            "prompt_ms": 1000 * (usage.prefill_seconds or 0.0),
            "predicted_n": written,
            "predicted_ms": 1000 * (usage.generation_seconds or 0.0),
        },
    }
