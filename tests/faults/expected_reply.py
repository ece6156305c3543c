"""The reply a backend is meant to send: its deltas, their bytes on the wire, and the message they form."""

import json
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

BlockKind: TypeAlias = Literal["text", "thinking", "tool_use"]
Block: TypeAlias = tuple[BlockKind, str, str]
"""Kind, tool name, and the text, thinking or raw arguments."""


@dataclass(frozen=True, slots=True)
class Text:
    """A delta of visible text."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A delta of thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """The start of a tool call."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """A delta of a tool call's arguments."""

    index: int
    text: str


ReplyPart: TypeAlias = Text | Thinking | ToolCallStart | Arguments


@dataclass(frozen=True, slots=True)
class ExpectedReply:
    """One reply.  `finish` is its finish reason, `None` for none; `done` is whether `[DONE]` follows."""

    parts: tuple[ReplyPart, ...]
    finish: str | None = "stop"
    done: bool = True
    reports_usage: bool = True

    @property
    def stop_reason(self) -> str:
        """The stop reason of the Anthropic message."""
        return "tool_use" if any(isinstance(part, ToolCallStart) for part in self.parts) else "end_turn"

    @property
    def is_finished(self) -> bool:
        """Whether the backend marks the end of the reply, by a finish reason or by `[DONE]`."""
        return self.finish is not None or self.done

    def events(self) -> list[bytes]:
        """Return the server-sent events of the reply, each as short as possible."""
        events = [_event({"delta": _delta(part)}) for part in self.parts]
        if self.finish is not None:
            events.append(_event({"finish_reason": self.finish}))
        if self.reports_usage:
            events.append(b'data: {"choices":[],"usage":{"prompt_tokens":9}}\n\n')
        if self.done:
            events.append(b"data: [DONE]\n\n")
        return events

    def body(self) -> bytes:
        """Return the bytes of the whole stream."""
        return b"".join(self.events())

    def blocks(self) -> list[Block]:
        """Return the content blocks of the message: adjacent deltas of one kind form a block, and so does each call."""
        blocks: list[Block] = []
        calls: dict[int, int] = {}
        for part in self.parts:
            match part:
                case Text(text):
                    _extend(blocks, "text", text)
                case Thinking(text):
                    _extend(blocks, "thinking", text)
                case ToolCallStart(index, name):
                    if index not in calls:
                        calls[index] = len(blocks)
                        blocks.append(("tool_use", name, ""))
                case Arguments(index, text):
                    kind, name, so_far = blocks[calls[index]]
                    blocks[calls[index]] = (kind, name, so_far + text)
        return [(kind, name, text or "{}") if kind == "tool_use" else (kind, name, text) for kind, name, text in blocks]

    def continuing(self, prefill: str) -> "ExpectedReply":
        """Return the rest of the reply after `prefill`, or the whole reply if it does not begin with it."""
        text = "".join(part.text for part in self.parts if isinstance(part, Text))
        if not prefill or not text.startswith(prefill):
            return self
        rest = tuple(part for part in self.parts if not isinstance(part, Text))
        return replace(self, parts=(Text(text[len(prefill) :]), *rest))


def _extend(blocks: list[Block], kind: BlockKind, text: str) -> None:
    if blocks and blocks[-1][0] == kind:
        blocks[-1] = (kind, "", blocks[-1][2] + text)
    else:
        blocks.append((kind, "", text))


def _delta(part: ReplyPart) -> dict[str, object]:
    match part:
        case Text(text):
            return {"content": text}
        case Thinking(text):
            return {"reasoning_content": text}
        case ToolCallStart(index, name):
            return {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name}}]}
        case Arguments(index, text):
            return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def _event(choice: dict[str, object]) -> bytes:
    body = json.dumps({"choices": [choice]}, ensure_ascii=False, separators=(",", ":"))
    return f"data: {body}\n\n".encode()


TEXT = ExpectedReply((Text("Hé"), Text("llo, wörld 🙂, it is"), Text(" fine.")))
THINKING = ExpectedReply((Thinking("Hm, né"), Thinking("? "), Text("Yes")), reports_usage=False)
ONE_CALL = ExpectedReply(
    (ToolCallStart(0, "Bash"), Arguments(0, '{"a":"é'), Arguments(0, '"}')), "tool_calls", reports_usage=False
)
TWO_CALLS = ExpectedReply(
    (
        ToolCallStart(0, "Read"),
        Arguments(0, '{"a'),
        ToolCallStart(1, "Bash"),
        Arguments(1, '{"ü":2}'),
        Arguments(0, '":1}'),
    ),
    "tool_calls",
    reports_usage=False,
)
MIXED = ExpectedReply(
    (Thinking("Só"), Text("I look"), ToolCallStart(0, "Read"), Arguments(0, '{"é":1}')),
    "tool_calls",
    reports_usage=False,
)

REPLIES = {"text": TEXT, "thinking": THINKING, "one call": ONE_CALL, "two calls": TWO_CALLS, "mixed": MIXED}

SOMETHING_ELSE = ExpectedReply((Text("Zzz, a different reply altogether."),))
"""Shares no first character with any of the others."""
