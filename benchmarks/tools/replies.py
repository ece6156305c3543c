"""A model's reply, as a client reads it from the event stream of `/v1/messages`, and what it is worth for a task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jsonschema import Draft202012Validator

from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json

from .tasks import TOOLS, Call, Task, schema_of

VALIDATORS: Mapping[str, Draft202012Validator] = {name: Draft202012Validator(schema_of(name)) for name in TOOLS}
"""What judges the arguments of each recorded tool."""


@dataclass(slots=True)
class Block:
    """A content block of a reply: its type, its text or its raw input, and the name of a tool."""

    kind: str
    text: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, with the seconds from the request to its end."""

    blocks: Sequence[Block]
    stop_reason: str
    output_tokens: int
    seconds: float
    notes: JsonValue = None
    """What the gateway's journal says about the reply's calls."""
    input_tokens: int | None = None
    """The engine's count of the prompt, as the gateway's journal has it."""

    @property
    def called(self) -> Sequence[Block]:
        """The blocks that are calls."""
        return [block for block in self.blocks if block.kind == "tool_use"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply is worth: whether it calls tools validly, whether that is right, and what is wrong with it."""

    is_valid: bool
    """At least one call, and each call names an offered tool and fits its schema."""
    is_right: bool
    """It is valid, and its first call does what the user asks."""
    invalid: int
    not_offered: int
    is_cut: bool


def verdict(task: Task, reply: Reply, offered: Mapping[str, Draft202012Validator] | None = None) -> Verdict:
    """
    Return what a reply is worth, judged by the tools' own schemas and nothing of anyclaude's.

    `offered` are the tools that were offered, by default those of the task.
    """
    validators = {name: VALIDATORS[name] for name in task.tools} if offered is None else offered
    called = reply.called
    not_offered = sum(block.tool not in validators for block in called)
    calls = [_valid_call(block, validators[block.tool]) for block in called if block.tool in validators]
    is_valid = bool(called) and not not_offered and None not in calls
    return Verdict(
        is_valid=is_valid,
        is_right=is_valid and calls[0] is not None and task.is_right(calls[0]),
        invalid=calls.count(None),
        not_offered=not_offered,
        is_cut=reply.stop_reason == "max_tokens",
    )


def is_schema_valid(call: Call) -> bool:
    """Return whether the arguments fit the tool's schema."""
    return bool(VALIDATORS[call.tool].is_valid(dict(call.arguments)))


def _valid_call(block: Block, validator: Draft202012Validator) -> Call | None:
    """Return the call of a block whose input is JSON that fits the tool's schema."""
    try:
        arguments = decode_json(block.text.encode())
    except JsonError:
        return None
    if not isinstance(arguments, Mapping):
        return None
    return Call(block.tool, arguments) if validator.is_valid(dict(arguments)) else None


@dataclass(slots=True)
class ReplyReader:
    """Puts a reply together from its events."""

    blocks: dict[int, Block] = field(default_factory=dict)
    stop_reason: str = ""
    output_tokens: int = 0

    def read(self, events: Iterable[JsonObject]) -> None:
        """
        Add events.

        Raises:
            ValueError: when one of them is an error.
        """
        for event in events:
            match event:
                case {
                    "type": "content_block_start",
                    "index": int(index),
                    "content_block": {"type": str(kind), **block},
                }:
                    self.blocks[index] = Block(kind, str(block.get("text", "")), str(block.get("name", "")))
                case {"type": "content_block_delta", "index": int(index), "delta": {"type": str(), **delta}}:
                    texts = (delta.get(name) for name in ("text", "thinking", "partial_json"))
                    self.blocks[index].text += "".join(text for text in texts if isinstance(text, str))
                case {
                    "type": "message_delta",
                    "delta": {"stop_reason": str(reason)},
                    "usage": {"output_tokens": int(n)},
                }:
                    self.stop_reason, self.output_tokens = reason, n
                case {"type": "error"}:
                    raise ValueError(f"the reply is an error: {event}")
                case _:
                    pass

    def reply(self, seconds: float, notes: JsonValue, input_tokens: int | None = None) -> Reply:
        """Return the reply whose events have all been read."""
        blocks = tuple(self.blocks.values())
        return Reply(blocks, self.stop_reason, self.output_tokens, seconds, notes, input_tokens)
