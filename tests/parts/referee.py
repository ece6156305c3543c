"""
The referee: checks the bytes of an Anthropic event stream, and shares no code with the encoder.

The grammar is taken from the API's documentation ("Streaming messages") and from how the real client handles each
event.  It is stricter than the client: anything our encoder must never do is a `Foul`, even where clients tolerate it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Json: TypeAlias = Mapping[str, object]
Outcome: TypeAlias = Literal["whole", "cut_short", "failed"]
"""Whole: the stream ended with `message_stop`.  Failed: it ended with `error`.  Cut short: with neither."""

STOP_REASONS = {
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
}

EMPTY_BLOCKS: Mapping[str, Json] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
}
"""The content of a block when it opens: empty, because all content is sent in deltas."""

RESULTS = {f"{name}_tool_result" for name in ("web_search", "web_fetch", "code_execution", "bash_code_execution")}
"""The blocks that come whole: what a tool of the server has found, with the id of its call."""

CALLS = {"tool_use", "server_tool_use"}

DELTAS: Mapping[str, tuple[str, str]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("", "partial_json"),
    "citations_delta": ("text", "citation"),
}
"""Each kind of delta, with the kind of block it adds to (calls of both kinds: none) and the field with its text."""


class Foul(AssertionError):
    """The stream violates the grammar; the message says where and how."""


@dataclass
class Block:
    """One content block, put together from its deltas."""

    kind: str
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    citations: list[Json] = field(default_factory=list)
    signature: str = ""

    @property
    def text(self) -> str:
        """The text, the thinking, or the JSON text of a tool's input."""
        return "".join(self.pieces)

    @property
    def input(self) -> object:
        """A tool's input, or its raw text if that is not a JSON object."""
        try:
            value: object = json.loads(self.text)
        except ValueError:
            return self.text
        return value if isinstance(value, dict) else self.text


@dataclass
class Verdict:
    """The message in a stream, and how the stream ended."""

    outcome: Outcome = "cut_short"
    id: str = ""
    model: str = ""
    blocks: list[Block] = field(default_factory=list)
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    pings: int = 0
    initial_fields: dict[str, object] = field(default_factory=dict)
    """The optional fields of `message_start` that no later event changes: the cache diagnostics, which may be null."""

    def texts(self, kind: str = "text") -> list[str]:
        """Return the text of each block of a kind."""
        return [block.text for block in self.blocks if block.kind == kind]

    def tool_inputs(self) -> list[tuple[str, str]]:
        """Return each tool call's name and the raw JSON text of its input."""
        return [(block.name, block.text) for block in self.blocks if block.kind == "tool_use"]

    def message(self) -> dict[str, object]:
        """Return the message as the body of a reply without streaming."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [_body_of(block) for block in self.blocks],
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "usage": self.usage,
            **self.initial_fields,
        }


def judge(raw: bytes) -> Verdict:
    """
    Check the bytes of one stream and return its message.

    Raises:
        Foul: when the stream violates the grammar.
    """
    *whole, tail = raw.split(b"\n\n")
    verdict = judge_events(_parsed(event) for event in whole)
    if tail and verdict.outcome != "cut_short":
        raise Foul(f"bytes after the end of the stream: {tail[:80]!r}")
    return verdict


def judge_events(events: Iterable[Json]) -> Verdict:
    """
    Check the parsed events of one stream and return its message.

    Raises:
        Foul: when the stream violates the grammar.
    """
    referee = _Referee()
    for position, event in enumerate(events):
        try:
            referee.check(event)
        except Foul as foul:
            raise Foul(f"event {position}: {foul}: {json.dumps(event)[:200]}") from None
    return referee.verdict


def _body_of(block: Block) -> dict[str, object]:
    if block.kind == "tool_use":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": block.text, "signature": block.signature}
    cited = {"citations": block.citations} if block.citations else {}
    return {"type": "text", "text": block.text, **cited}


def _parsed(event: bytes) -> Json:
    lines = event.split(b"\n")
    if len(lines) != 2 or not lines[0].startswith(b"event: ") or not lines[1].startswith(b"data: "):
        raise Foul(f"an event is one event line and one data line, not {event[:80]!r}")
    try:
        name = lines[0].removeprefix(b"event: ").decode()
        data: object = json.loads(
            lines[1].removeprefix(b"data: ").decode(), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except ValueError as error:
        raise Foul(f"the data is not JSON in UTF-8 ({error}): {event[:80]!r}") from None
    if not isinstance(data, dict):
        raise Foul(f"the data is not an object: {event[:80]!r}")
    if data.get("type") != name:
        raise Foul(f"the event is named {name!r}, its data says {data.get('type')!r}")
    return data


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Foul(f"a key occurs twice in one object: {[key for key, _ in pairs]}")
    return dict(pairs)


def _no_constant(literal: str) -> object:
    raise Foul(f"{literal} is not JSON")


class _Referee:
    def __init__(self) -> None:
        self.verdict = Verdict()
        self._started = False
        self._block_is_open = False
        self._delta_seen = False
        self._ended = False

    def check(self, event: Json) -> None:
        """Check the next event; raises `Foul`."""
        _must(not self._ended, "an event after the end of the stream")
        kind = event.get("type")
        if kind == "ping":
            self.verdict.pings += 1
        elif kind == "error":
            self._failed(event)
        elif kind == "message_start":
            self._message_start(event)
        else:
            _must(self._started, "the stream does not begin with message_start")
            self._inside(kind, event)

    def _inside(self, kind: object, event: Json) -> None:
        _must(not self._delta_seen or kind == "message_stop", "only message_stop may follow message_delta")
        match kind:
            case "content_block_start":
                self._block_start(event)
            case "content_block_delta":
                self._block_delta(event)
            case "content_block_stop":
                self._block_stop(event)
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                _must(self._delta_seen, "message_stop without a message_delta before it")
                self.verdict.outcome = "whole"
                self._ended = True
            case _:
                raise Foul("unknown event")

    def _failed(self, event: Json) -> None:
        error = _object(event, "error")
        self.verdict.error = _text(error, "type"), _text(error, "message")
        self.verdict.outcome = "failed"
        self._ended = True

    def _message_start(self, event: Json) -> None:
        _must(not self._started, "a second message_start")
        message = _object(event, "message")
        _must(message.get("type") == "message", "the message's type is not message")
        _must(message.get("role") == "assistant", "the message's role is not assistant")
        _must(message.get("content") == [], "the message is not empty at its start")
        _must(message.get("stop_reason", "") is None, "the message has a stop reason at its start")
        self.verdict.id = _text(message, "id")
        self.verdict.model = _text(message, "model")
        self.verdict.usage = _usage(message)
        self.verdict.initial_fields = {name: message[name] for name in ("diagnostics",) if name in message}
        self._started = True

    def _block_start(self, event: Json) -> None:
        _must(not self._block_is_open, "a block opens while another is open")
        self._require_index(event, len(self.verdict.blocks))
        raw = _object(event, "content_block")
        kind = _text(raw, "type")
        _must(kind in EMPTY_BLOCKS or kind in RESULTS, "unknown kind of block")
        _must(
            all(raw.get(name) == value for name, value in EMPTY_BLOCKS.get(kind, {}).items()),
            "the block does not open empty",
        )
        block = Block(kind)
        if kind in RESULTS:
            block.id = self._answered_call(kind, raw)
        if kind in CALLS:
            block.id, block.name = _text(raw, "id"), _text(raw, "name")
            _must(all(block.id != other.id for other in self.verdict.blocks), "the tool use id is already used")
        self.verdict.blocks.append(block)
        self._block_is_open = True

    def _answered_call(self, kind: str, raw: Json) -> str:
        """Return the id of the call that a result answers: an earlier one of its tool, with no other result."""
        answered, blocks = _text(raw, "tool_use_id"), self.verdict.blocks
        calls = [block for block in blocks if block.kind == "server_tool_use" and block.id == answered]
        _must(len(calls) == 1 and f"{calls[0].name}_tool_result" == kind, "a result of no call of its tool")
        _must(all(block.id != answered for block in blocks if block.kind in RESULTS), "a second result of a call")
        _must(isinstance(raw.get("content"), list | dict), "a result without content")
        return answered

    def _block_delta(self, event: Json) -> None:
        block = self._open_block(event)
        delta = _object(event, "delta")
        kind = _text(delta, "type")
        _must(kind in DELTAS, "unknown kind of delta")
        block_kind, field_name = DELTAS[kind]
        fits = block.kind == block_kind if block_kind else block.kind in CALLS
        _must(fits, f"a {kind} in a {block.kind} block")
        if kind == "citations_delta":
            block.citations.append(_object(delta, field_name))
            return
        piece = delta.get(field_name)
        if not isinstance(piece, str):
            raise Foul(f"{field_name} is not a string")
        _must(not block.signature, "a delta after the signature, which ends its block")
        if kind == "signature_delta":
            block.signature = piece
        else:
            block.pieces.append(piece)

    def _block_stop(self, event: Json) -> None:
        block = self._open_block(event)
        _must(not block.citations or bool(block.pieces), "citations of no text")
        _must(block.kind not in CALLS or bool(block.pieces), "a tool call without any input_json_delta loses its input")
        self._block_is_open = False

    def _message_delta(self, event: Json) -> None:
        _must(not self._block_is_open, "message_delta while a block is open")
        delta = _object(event, "delta")
        reason = _text(delta, "stop_reason")
        _must(reason in STOP_REASONS, "unknown stop reason")
        called = any(block.kind == "tool_use" for block in self.verdict.blocks)
        _must(called or reason != "tool_use", "the stop reason is tool_use, but no tool was called")
        _must(not called or reason != "end_turn", "a tool was called, but the stop reason is end_turn")
        stop_sequence = delta.get("stop_sequence")
        if stop_sequence is not None and not isinstance(stop_sequence, str):
            raise Foul("stop_sequence is not a string")
        self.verdict.stop_reason, self.verdict.stop_sequence = reason, stop_sequence
        self.verdict.usage |= _usage(event)
        self._delta_seen = True

    def _open_block(self, event: Json) -> Block:
        _must(self._block_is_open, "no block is open")
        self._require_index(event, len(self.verdict.blocks) - 1)
        return self.verdict.blocks[-1]

    def _require_index(self, event: Json, expected: int) -> None:
        index = event.get("index")
        _must(type(index) is int and index == expected, f"the index should be {expected}")


def _must(claim: bool, otherwise: str) -> None:
    if not claim:
        raise Foul(otherwise)


def _object(holder: Json, name: str) -> Json:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise Foul(f"{name} is not an object")
    return value


def _text(holder: Json, name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise Foul(f"{name} is not a string, or empty")
    return value


def _usage(holder: Json) -> dict[str, int]:
    """Return the token counts, without nested objects, strings and nulls, which the API allows."""
    usage = _object(holder, "usage")
    _must("output_tokens" in usage, "the usage has no output_tokens")
    counts: dict[str, int] = {}
    for name, value in usage.items():
        if value is None or isinstance(value, dict | str):
            continue
        if type(value) is not int or value < 0:
            raise Foul(f"usage.{name} is not a count")
        counts[name] = value
    return counts
