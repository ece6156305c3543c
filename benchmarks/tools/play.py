"""Plays tasks on every arm, in turns."""

import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from tests.parts.raw_client import CLAUDE_CODE

from anyclaude.protocol.json_values import JsonObject, decode_json
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
    async with client_session() as session:
        for number, task in enumerate(tasks):
            conversation = conversation_of(task)
            for way in (*ways[:2], ways[-1]):
                await ask(session, way, conversation, body(task, way.arm, 1))
            start = number % len(ways)
            for way in (*ways[start:], *ways[:start]):
                reply = await ask(session, way, conversation, body(task, way.arm, max_tokens))
                played.append(Played(task, way.arm, reply))
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


def client_session() -> aiohttp.ClientSession:
    """Return the session of a client; llama.cpp closes after a streamed reply, in spite of its header."""
    connector = aiohttp.TCPConnector(force_close=True)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=1_800))


def conversation_of(task: Task, kind: str = "session") -> str:
    """Return the name of the session in which a task is played; each of `kind` has its own."""
    return f"{kind}-{zlib.crc32(task.prompt.encode()):08x}"


async def ask(session: aiohttp.ClientSession, way: Way, conversation: str, body: JsonObject) -> Reply:
    """Send a request and return the reply."""
    headers = {
        **CLAUDE_CODE,
        "x-claude-code-session-id": conversation,
        "Authorization": f"Bearer {way.api_key}",
        "anthropic-version": "2023-06-01",
    }
    reader = ReplyReader()
    seen = len(way.gateway.records()) if way.gateway else 0
    started = time.perf_counter()
    url = f"{way.origin}/v1/messages"
    async with session.post(url, json=body, headers=headers, raise_for_status=True) as response:
        async for events in _events(response.content):
            reader.read(events)
    seconds = time.perf_counter() - started
    record = await way.gateway.recorded(seen + 1) if way.gateway else {}
    usage = record.get("usage")
    input_tokens = usage.get("input_tokens") if isinstance(usage, Mapping) else None
    return reader.reply(seconds, record.get("tool_calls"), input_tokens if isinstance(input_tokens, int) else None)


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[list[JsonObject]]:
    decoder = SseDecoder()
    async for chunk in content.iter_any():
        values = [decode_json(event.data) for event in decoder.feed(chunk) if event.data != b"[DONE]"]
        yield [value for value in values if isinstance(value, dict)]
