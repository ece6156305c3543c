"""
How long it takes to read a large request: our own typing against a pydantic model of the same shape.

    uv run python -m benchmarks.request_decoding

All ways take turns in one process, so that a busy machine slows them alike; the best of many
rounds counts, because whatever disturbs a round can only make it slower.
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
    """An object that keeps the fields it does not know, as ours do."""

    model_config = ConfigDict(extra="allow")


class Text(Open):
    """A text block."""

    type: Literal["text"]
    text: str


class ToolUse(Open):
    """A call of an earlier turn."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonValue


class ToolResult(Open):
    """What a tool answered."""

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
"""Unlike ours, a block of a kind nobody knows is refused; keeping it would cost pydantic a second union."""


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
    """The request, with the fields ours has."""

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
class Way:
    """One way to read the body."""

    title: str
    read: Callable[[bytes], object]


OURS = Way("anyclaude: decode_request", decode_request)
WAYS = (
    Way("msgspec to plain JSON, nothing typed", msgspec.json.decode),
    Way("the same, with the limit on nesting", decode_json),
    OURS,
    Way("pydantic: Request.model_validate_json", Request.model_validate_json),
    Way("json.loads, nothing typed", json.loads),
)


def measure(body: bytes, rounds: int = ROUNDS) -> Mapping[str, float]:
    """Return the seconds each way takes at its best."""
    best = {way.title: float("inf") for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            before = time.perf_counter()
            way.read(body)
            best[way.title] = min(best[way.title], time.perf_counter() - before)
    return best


def main() -> None:
    """Print the table."""
    body = request_body(LARGE_BYTES, LARGE_TOOLS)
    _require_that_both_read_all(body)
    seconds = measure(body)
    table = Table(title=f"Reading a request of {len(body):,} bytes with {LARGE_TOOLS} tools, best of {ROUNDS} rounds")
    table.add_column("way")
    table.add_column("ms", justify="right")
    table.add_column("against ours", justify="right")
    for way in WAYS:
        spent = seconds[way.title]
        table.add_row(way.title, f"{spent * 1000:.2f}", f"{spent / seconds[OURS.title]:.2f}")
    Console().print(table)


def _require_that_both_read_all(body: bytes) -> None:
    """A way that loses something would be compared with unfair ease."""
    whole = json.loads(body)
    assert json.loads(encode_request(decode_request(body))) == whole
    assert Request.model_validate_json(body).model_dump(mode="json", exclude_unset=True) == whole


if __name__ == "__main__":
    main()
