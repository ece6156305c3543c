"""Plays tasks on every arm, in turns."""

import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp
from tests.parts.raw_client import CLAUDE_CODE

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json
from anyclaude.protocol.sse import SseDecoder

from .arms import Arm, Way
from .replies import Reply, ReplyReader
from .tasks import SYSTEM, TOOLS, Task


@dataclass(frozen=True, slots=True)
class Played:
    """One reply: the task, the arm, and what came."""

    task: Task
    arm: Arm
    reply: Reply


async def play(
    ways: Sequence[Way], tasks: Sequence[Task], max_tokens: int, progress: Callable[[Played], None]
) -> list[Played]:
    """
    Return the replies of all arms to all tasks.

    Each prompt is evaluated beforehand by a request for one token, so that an arm is not faster because the one before
    it has already evaluated the same prompt.  The arm that begins changes with each task.
    """
    played: list[Played] = []
    connector = aiohttp.TCPConnector(
        force_close=True
    )  # llama.cpp closes after a streamed reply, in spite of its header
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=1_800)) as session:
        for number, task in enumerate(tasks):
            for way in (*ways[:2], ways[-1]):
                await _reply(session, way, task, 1)
            start = number % len(ways)
            for way in (*ways[start:], *ways[:start]):
                played.append(Played(task, way.arm, await _reply(session, way, task, max_tokens)))
                progress(played[-1])
    return played


def body(task: Task, arm: Arm, max_tokens: int) -> JsonObject:
    """Return the body of the request: what Claude Code would send, with the tools of the task."""
    return {
        "model": "local-model",
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "system": SYSTEM,
        "tools": [TOOLS[name] for name in task.tools],
        "tool_choice": {"type": arm.tool_choice},
        "messages": [{"role": "user", "content": task.prompt}],
    }


async def _reply(session: aiohttp.ClientSession, way: Way, task: Task, max_tokens: int) -> Reply:
    headers = {
        **CLAUDE_CODE,
        "x-claude-code-session-id": f"session-{zlib.crc32(task.prompt.encode()):08x}",
        "Authorization": f"Bearer {way.api_key}",
        "anthropic-version": "2023-06-01",
    }
    reader = ReplyReader()
    seen = len(way.gateway.records()) if way.gateway else 0
    started = time.perf_counter()
    async with session.post(
        f"{way.origin}/v1/messages", json=body(task, way.arm, max_tokens), headers=headers, raise_for_status=True
    ) as response:
        async for events in _events(response.content):
            reader.read(events)
    seconds = time.perf_counter() - started
    notes: JsonValue = (await way.gateway.recorded(seen + 1))["tool_calls"] if way.gateway else None
    return reader.reply(seconds, notes)


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[list[JsonObject]]:
    decoder = SseDecoder()
    async for chunk in content.iter_any():
        values = [decode_json(event.data) for event in decoder.feed(chunk) if event.data != b"[DONE]"]
        yield [value for value in values if isinstance(value, dict)]
