"""
The time to decode a large request: anyclaude's decoder and a pydantic model of the same shape.

    uv run python -m benchmarks.request_decoding

The decoders take turns in one process, so that a busy machine slows all of them.  The best of many rounds counts, as
other load can only make a round slower.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from rich.console import Console
from rich.table import Table

from anyclaude.protocol.json_values import decode_json
from anyclaude.protocol.messages_request import decode_request, encode_request

from .gateway.bodies import LARGE_BYTES, LARGE_TOOLS, request_body

ROUNDS = 200


class Open(BaseModel):
    """An object that keeps unknown fields, as anyclaude's types do."""

    model_config = ConfigDict(extra="allow")


class Text(Open):
    """A text block."""

    type: Literal["text"]
    text: str


class ToolUse(Open):
    """A tool use of an earlier turn."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonValue


class ToolResult(Open):
    """The result of a tool use."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: "str | list[Block] | None" = None
    is_error: bool = False


class Thinking(Open):
    """Reasoning of an earlier turn."""

    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class Media(Open):
    """An image or a document."""

    type: Literal["image", "document"]
    source: dict[str, JsonValue]


Block = Annotated[Text | ToolUse | ToolResult | Thinking | Media, Field(discriminator="type")]
"""A block of an unknown type is refused, unlike in anyclaude; keeping it would cost pydantic a second union."""


class Turn(Open):
    """One message."""

    role: str
    content: str | list[Block]


class Tool(Open):
    """A tool the model may call."""

    name: str
    description: str = ""
    input_schema: dict[str, JsonValue] | None = None
    type: str | None = None
    defer_loading: bool = False


class Request(Open):
    """The request, with the fields of anyclaude's type."""

    model: str
    max_tokens: int
    messages: list[Turn]
    system: str | list[Block] = ""
    tools: list[Tool] = []
    tool_choice: dict[str, JsonValue] | None = None
    stop_sequences: list[str] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool = False
    metadata: dict[str, JsonValue] | None = None
    thinking: dict[str, JsonValue] | None = None
    output_config: dict[str, JsonValue] | None = None
    context_management: dict[str, JsonValue] | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Decoder:
    """One decoder of the body."""

    title: str
    decode: Callable[[bytes], object]


OURS = Decoder("anyclaude: decode_request", decode_request)
DECODERS = (
    Decoder("msgspec to untyped JSON", msgspec.json.decode),
    Decoder("msgspec to untyped JSON, with the nesting limit", decode_json),
    OURS,
    Decoder("pydantic: Request.model_validate_json", Request.model_validate_json),
    Decoder("json.loads", json.loads),
)


def measure(body: bytes, rounds: int = ROUNDS) -> Mapping[str, float]:
    """Return the seconds of each decoder's best round."""
    best = {decoder.title: float("inf") for decoder in DECODERS}
    for _ in range(rounds):
        for decoder in DECODERS:
            before = time.perf_counter()
            decoder.decode(body)
            best[decoder.title] = min(best[decoder.title], time.perf_counter() - before)
    return best


def main() -> None:
    """Print the table."""
    body = request_body(LARGE_BYTES, LARGE_TOOLS)
    _check_that_nothing_is_lost(body)
    seconds = measure(body)
    table = Table(title=f"Decoding a request of {len(body):,} bytes with {LARGE_TOOLS} tools, best of {ROUNDS} rounds")
    table.add_column("decoder")
    table.add_column("ms", justify="right")
    table.add_column("relative to anyclaude", justify="right")
    for decoder in DECODERS:
        spent = seconds[decoder.title]
        table.add_row(decoder.title, f"{spent * 1000:.2f}", f"{spent / seconds[OURS.title]:.2f}")
    Console().print(table)


def _check_that_nothing_is_lost(body: bytes) -> None:
    """Raise `AssertionError` if a decoder drops part of the body, which would make it look faster than it is."""
    whole = json.loads(body)
    assert json.loads(encode_request(decode_request(body))) == whole
    assert Request.model_validate_json(body).model_dump(mode="json", exclude_unset=True) == whole


if __name__ == "__main__":
    main()
