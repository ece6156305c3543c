"""The official SDK in front of a gateway in front of a played model server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anthropic import Anthropic, AsyncAnthropic, DefaultAsyncHttpxClient, DefaultHttpxClient
from anthropic.types import MessageParam
from msgspec.structs import replace
from pydantic import BaseModel, TypeAdapter
from tests.parts.chat_script import Script
from tests.parts.chat_server import ChatServer, ServerOptions, chat_server
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at

from anyclaude.timeouts import Timeouts

MODEL = "some-model"
HELLO: list[MessageParam] = [{"role": "user", "content": "Hello?"}]

PATIENCE_SECONDS = 20.0
"""A test that takes longer hangs; played replies take milliseconds."""

IMPATIENT = replace(QUICK, timeouts=Timeouts(retry_seconds=0.0))
"""A gateway that repeats nothing itself, so that a refusal is heard at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a test talks to."""

    server: ChatServer
    gateway: RunningGateway
    client: AsyncAnthropic

    def sync_client(self) -> Anthropic:
        """Return the client without `await`; use it in a thread, for the gateway serves in this one."""
        return Anthropic(
            base_url=self.gateway.base_url,
            auth_token="dummy",
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False, verify=False),
            _strict_response_validation=True,
        )


@asynccontextmanager
async def stage(folder: Path, script: Script, options: ServerOptions | None = None) -> AsyncIterator[Stage]:
    """Serve the script through a gateway whose journal goes to `folder`."""
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        chat_server(script, options) as server,
        running_gateway(folder, target_at(server.base_url), options=IMPATIENT) as gateway,
        async_client(gateway.base_url) as client,
    ):
        yield Stage(server, gateway, client)
        server.check()


def async_client(base_url: str) -> AsyncAnthropic:
    """Return a client that neither repeats requests nor forgives what is not in its types.

    Nothing is encrypted on loopback, and to read the machine's certificates would take longer than a test.
    """
    return AsyncAnthropic(
        base_url=base_url,
        auth_token="dummy",
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(trust_env=False, verify=False),
        _strict_response_validation=True,
    )


def understood(kind: TypeAdapter[T], text: str | bytes) -> T:
    """Read JSON as one of the SDK's types: nothing may be missing, of another type, or unknown to it."""
    value = kind.validate_json(text, strict=True)
    unknown = sorted(_unknown_fields(value, ""))
    assert not unknown, f"the SDK does not know {unknown}"
    return value


def _unknown_fields(value: object, path: str) -> set[str]:
    if isinstance(value, list):
        return {name for item in value for name in _unknown_fields(item, f"{path}[]")}
    if not isinstance(value, BaseModel):
        return set()
    found = {f"{path}.{name}" for name in value.model_extra or {}}
    for name in type(value).model_fields:
        found |= _unknown_fields(getattr(value, name), f"{path}.{name}")
    return found
