"""What the backend means to say: the deltas, the bytes that spell them, and the message they are."""

import json
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

BlockKind: TypeAlias = Literal["text", "thinking", "tool_use"]
Block: TypeAlias = tuple[BlockKind, str, str]
"""Kind, tool name, and the text, thinking or argument text."""


@dataclass(frozen=True, slots=True)
class Text:
    """Some visible text."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Some thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Begin:
    """A tool call begins."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """Some of a tool call's arguments."""

    index: int
    text: str


PromptPart: TypeAlias = Text | Thought | Begin | Arguments


@dataclass(frozen=True, slots=True)
class Meant:
    """One reply.  Without `finish` no reason is given at its end, without `done` there is no `[DONE]`."""

    pieces: tuple[PromptPart, ...]
    finish: str | None = "stop"
    done: bool = True
    reports_usage: bool = True

    @property
    def stop_reason(self) -> str:
        """How the client is told that the message ended."""
        return "tool_use" if any(isinstance(piece, Begin) for piece in self.pieces) else "end_turn"

    @property
    def is_finished(self) -> bool:
        """Whether the backend says at all that it came to the end."""
        return self.finish is not None or self.done

    def events(self) -> list[bytes]:
        """Return the server-sent events that spell the reply, none longer than need be."""
        events = [_event({"delta": _delta(piece)}) for piece in self.pieces]
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
        """Return the blocks of the message: neighbours of one kind are one block, and so is each call."""
        blocks: list[Block] = []
        calls: dict[int, int] = {}
        for piece in self.pieces:
            match piece:
                case Text(text):
                    _extend(blocks, "text", text)
                case Thought(text):
                    _extend(blocks, "thinking", text)
                case Begin(index, name):
                    if index not in calls:
                        calls[index] = len(blocks)
                        blocks.append(("tool_use", name, ""))
                case Arguments(index, text):
                    kind, name, so_far = blocks[calls[index]]
                    blocks[calls[index]] = (kind, name, so_far + text)
        return [(kind, name, text or "{}") if kind == "tool_use" else (kind, name, text) for kind, name, text in blocks]

    def after(self, prefill: str) -> "Meant":
        """Return what is left to say by a server that goes on with `prefill`: all, if that is not how it begins."""
        text = "".join(piece.text for piece in self.pieces if isinstance(piece, Text))
        if not prefill or not text.startswith(prefill):
            return self
        rest = tuple(piece for piece in self.pieces if not isinstance(piece, Text))
        return replace(self, pieces=(Text(text[len(prefill) :]), *rest))


def _extend(blocks: list[Block], kind: BlockKind, text: str) -> None:
    if blocks and blocks[-1][0] == kind:
        blocks[-1] = (kind, "", blocks[-1][2] + text)
    else:
        blocks.append((kind, "", text))


def _delta(piece: PromptPart) -> dict[str, object]:
    match piece:
        case Text(text):
            return {"content": text}
        case Thought(text):
            return {"reasoning_content": text}
        case Begin(index, name):
            return {"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": name}}]}
        case Arguments(index, text):
            return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def _event(choice: dict[str, object]) -> bytes:
    body = json.dumps({"choices": [choice]}, ensure_ascii=False, separators=(",", ":"))
    return f"data: {body}\n\n".encode()


TEXT = Meant((Text("Hé"), Text("llo, wörld 🙂, it is"), Text(" fine.")))
THINKING = Meant((Thought("Hm, né"), Thought("? "), Text("Yes")), reports_usage=False)
ONE_CALL = Meant((Begin(0, "Bash"), Arguments(0, '{"a":"é'), Arguments(0, '"}')), "tool_calls", reports_usage=False)
TWO_CALLS = Meant(
    (Begin(0, "Read"), Arguments(0, '{"a'), Begin(1, "Bash"), Arguments(1, '{"ü":2}'), Arguments(0, '":1}')),
    "tool_calls",
    reports_usage=False,
)
MIXED = Meant(
    (Thought("Só"), Text("I look"), Begin(0, "Read"), Arguments(0, '{"é":1}')), "tool_calls", reports_usage=False
)

REPLIES = {"text": TEXT, "thinking": THINKING, "one call": ONE_CALL, "two calls": TWO_CALLS, "mixed": MIXED}

SOMETHING_ELSE = Meant((Text("Zzz, a different reply altogether."),))
"""Begins with no character that any of the others begins with."""
