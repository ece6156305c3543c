"""Small first prompts in the form Claude Code sends, and the state of a gateway's prewarmer."""

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


def first_request(text: str, **fields: JsonValue) -> bytes:
    """Return the body of a session's first request."""
    blocks = [{"type": "text", "text": text} for text in (REMINDER, text)]
    messages = [{"role": "user", "content": blocks}, {"role": "system", "content": ENVIRONMENT}]
    return prompt(text, **{"messages": messages, "system": "You help.", "tools": TOOLS, **fields})


async def send(
    client: RawClient, body: bytes, session: str = "session-1", headers: Mapping[str, str] | None = None
) -> None:
    """Send a request in a session."""
    session_headers = {**CLAUDE_CODE, "x-claude-code-session-id": session, **(headers or {})}
    await client.send(request("POST", "/v1/messages", body, session_headers))


async def prewarm_status(gateway: RunningGateway) -> JsonObject:
    """Return the field `warmth` of `/health`, once the gateway has looked for a prompt to evaluate."""
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        while True:
            warmth = at((await ask(gateway.base_url, "GET", "/health")).json, "warmth")
            assert isinstance(warmth, dict)
            if warmth["warm_up"] != "waiting":
                return warmth
