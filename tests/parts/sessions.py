"""First prompts as Claude Code sends them, in miniature, and what a gateway says of its warmth."""

import asyncio
from collections.abc import Mapping

from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.raw_backend import MAX_WAIT_SECONDS
from tests.parts.raw_client import CLAUDE_CODE, RawClient, ask, prompt, request

from anyclaude.protocol.json_values import JsonObject, JsonValue

REMINDER = "<system-reminder>\nBe kind.\n</system-reminder>\n"
ENVIRONMENT = "You are in /garden."
TOOLS = [{"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}}]


def first_request(words: str, **fields: JsonValue) -> bytes:
    """Return the body of a session's first request."""
    blocks = [{"type": "text", "text": text} for text in (REMINDER, words)]
    messages = [{"role": "user", "content": blocks}, {"role": "system", "content": ENVIRONMENT}]
    return prompt(words, **{"messages": messages, "system": "You help.", "tools": TOOLS, **fields})


async def send(
    client: RawClient, body: bytes, session: str = "session-1", headers: Mapping[str, str] | None = None
) -> None:
    """Send a request as one of a session."""
    who = {**CLAUDE_CODE, "x-claude-code-session-id": session, **(headers or {})}
    await client.send(request("POST", "/v1/messages", body, who))


async def prewarm_status(gateway: RunningGateway) -> JsonObject:
    """Return what `/health` says of it, once the gateway has looked for what it could evaluate."""
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        while True:
            warmth = at((await ask(gateway.base_url, "GET", "/health")).json, "warmth")
            assert isinstance(warmth, dict)
            if warmth["warm_up"] != "waiting":
                return warmth
