"""What is played against the gateway, each with its full size and a share of it for a quick run."""

import asyncio
import random
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from .backend import AttackingBackend
from .client import Client, message, tool

MEGABYTE = 1_000_000

COUNT_TOKENS = "/v1/messages/count_tokens"

ALPHABET = "abcdefghijklmnopqrstuvwxyz      \n"


@dataclass(frozen=True, slots=True)
class Scale:
    """The share of an attack's full size, from 0 to 1."""

    share: float = 1.0

    def __call__(self, number: int) -> int:
        """Return this share of a number, at least one."""
        return max(round(number * self.share), 1)


Play: TypeAlias = Callable[[Client, AttackingBackend, Scale], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the table."""

    title: str
    play: Play


async def large_requests(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Send different requests one after another: the decoded parts of the earlier ones are of no more use."""
    for number in range(26):
        await client.ask(_large(number, scale), f"large-{number}")


async def large_requests_at_once(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Send the same at once."""
    bodies = [_large(100 + number, scale) for number in range(8)]
    await asyncio.gather(*(client.ask(body, f"at-once-{number}") for number, body in enumerate(bodies)))


async def other_alphabets(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Send text that needs four bytes for each character, because of one emoji in each part."""
    for number in range(8):
        parts = [f"{_text(number * 1000 + part, scale(60_000))}\N{PILE OF POO}" for part in range(100)]
        await client.ask(message(*parts), f"emoji-{number}")


async def small_blocks(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Send requests of the smallest turns, all different, which need far more memory than their JSON."""
    for number in range(4):
        await client.ask(
            message(f"{number}", *(f"{number}.{turn}" for turn in range(scale(39_000)))), f"small-{number}"
        )


async def conversations(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Hold conversations of 200 kB."""
    requests = (
        (message(*(_text(number * 100 + turn, 20_000) for turn in range(11))), f"conversation-{number}")
        for number in range(scale(2000))
    )
    await client.ask_all(requests)


async def sessions(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Begin sessions with long and unique ids."""
    await client.ask_all((message("Hello"), f"{number}-{'s' * 4000}") for number in range(scale(10_000)))


async def token_counts(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Count the tokens of texts that are all different."""
    requests = ((message(f"Count {number} " * 20), "") for number in range(scale(20_000)))
    await client.ask_all(requests, COUNT_TOKENS)


async def tool_orders(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Offer other tools with every request."""

    def requests() -> Iterator[tuple[bytes, str]]:
        for number in range(scale(500)):
            tools = [tool(f"tool_{number}_{position}_{'t' * 40}") for position in range(500)]
            yield message("Hello", tools=tools), f"tools-{number % 100}"

    await client.ask_all(requests())


async def huge_calls(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Have calls with huge arguments remembered."""
    backend.reply, backend.size = "huge call", scale(8 * MEGABYTE)
    for number in range(16):
        await client.ask(message(f"Write {number}", tools=[tool("Write")]), f"call-{number}")


async def unfinished_bodies(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Leave bodies unfinished."""
    async with client.unfinished(40, scale(31 * MEGABYTE)):
        await client.ask(message("Hello"))


async def endless_text(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Collect a reply without an end for a client that does not stream."""
    backend.reply, backend.size = "endless text", scale(500 * MEGABYTE)
    await client.ask(message("Hello", is_streaming=False))


async def endless_token_counts(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Have the server answer the question for a token count without an end, four at a time."""
    backend.is_endless, backend.size = True, scale(500 * MEGABYTE)
    await asyncio.gather(*(client.ask(message(f"Count {number}"), path=COUNT_TOKENS) for number in range(4)))


async def endless_models(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Have the server answer the question for its models with 1.9 GB, after it has refused one."""
    backend.reply, backend.is_endless, backend.size = "no model", True, scale(1900 * MEGABYTE)
    await client.ask(message("Hello"))


async def million_calls(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Have the model call a million tools in one reply."""
    backend.reply, backend.size = "million calls", scale(200 * MEGABYTE)
    await client.ask(message("Hello", tools=[tool("Write")]))


async def empty_events(client: Client, backend: AttackingBackend, scale: Scale) -> None:
    """Have the server send an event of eight million empty lines."""
    backend.reply, backend.size = "empty events", scale(48 * MEGABYTE)
    await client.ask(message("Hello"))


ATTACKS: dict[str, Attack] = {
    "large": Attack("26 different requests of 20 MB, one after another", large_requests),
    "at_once": Attack("8 different requests of 20 MB at once", large_requests_at_once),
    "emoji": Attack("8 requests of 6 MB with an emoji in each part", other_alphabets),
    "small": Attack("4 requests of 39,000 short turns", small_blocks),
    "conversations": Attack("2,000 conversations of 200 kB", conversations),
    "sessions": Attack("10,000 sessions with ids of 4,000 characters", sessions),
    "counts": Attack("20,000 token counts of different text", token_counts),
    "tools": Attack("500 requests with 500 other tools each", tool_orders),
    "calls": Attack("16 calls with arguments of 8 MB", huge_calls),
    "bodies": Attack("40 unfinished bodies of 31 MB", unfinished_bodies),
    "endless_text": Attack("500 MB of text for a client that does not stream", endless_text),
    "endless_counts": Attack("4 token counts answered with 500 MB", endless_token_counts),
    "endless_models": Attack("a list of models of 1.9 GB", endless_models),
    "million_calls": Attack("a million calls in a reply", million_calls),
    "empty_events": Attack("an event of 8 million empty lines", empty_events),
}


def _large(number: int, scale: Scale) -> bytes:
    """Return a request of 20 MB, as far as a gateway decodes one: 6 MB of text, and a picture."""
    file = b"\x89PNG\r\n\x1a\n" + bytes(16) + random.Random(number).randbytes(scale(13 * MEGABYTE) * 3 // 4)
    data = b64encode(file).decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    texts = [_text(number * 1000 + part, scale(MEGABYTE)) for part in range(6)]
    return message(*texts, [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}])


def _text(number: int, characters: int) -> str:
    """Return text that is different for each number."""
    return f"{number} " + "".join(random.Random(number).choices(ALPHABET, k=max(characters, 10) // 8)) * 8
