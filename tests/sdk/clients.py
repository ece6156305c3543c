"""The official SDK, connected to a gateway in front of a scripted model server."""

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

from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

MODEL = "some-model"
LLAMACPP = profile_named("llamacpp")
HELLO: list[MessageParam] = [{"role": "user", "content": "Hello?"}]

MAX_TEST_SECONDS = 20.0
"""A test that takes longer hangs; scripted replies take milliseconds."""

NO_RETRIES = replace(QUICK, timeouts=Timeouts(retry_seconds=0.0))
"""A gateway that retries nothing itself, so that a refusal reaches the client immediately."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SdkSetup:
    """The scripted server, the gateway in front of it, and the SDK's client."""

    server: ChatServer
    gateway: RunningGateway
    client: AsyncAnthropic

    def sync_client(self) -> Anthropic:
        """Return the synchronous client; use it in another thread, because the gateway runs in this one."""
        return Anthropic(
            base_url=self.gateway.base_url,
            auth_token="dummy",
            max_retries=0,
            http_client=DefaultHttpxClient(trust_env=False, verify=False),
            _strict_response_validation=True,
        )


@asynccontextmanager
async def sdk_setup(
    folder: Path,
    script: Script,
    server_options: ServerOptions | None = None,
    options: GatewayOptions = NO_RETRIES,
    profile: BackendProfile = LLAMACPP,
) -> AsyncIterator[SdkSetup]:
    """Serve `script` through a gateway that writes its journal to `folder`."""
    async with (
        asyncio.timeout(MAX_TEST_SECONDS),
        chat_server(script, server_options) as server,
        running_gateway(folder, replace(target_at(server.base_url), profile=profile), options=options) as gateway,
        async_client(gateway.base_url) as client,
    ):
        yield SdkSetup(server, gateway, client)
        server.check()


def async_client(base_url: str) -> AsyncAnthropic:
    """Return a client that does not retry, and that rejects responses which do not match its types.

    Loopback connections are not encrypted, and loading the machine's certificates would take longer than a test.
    """
    return AsyncAnthropic(
        base_url=base_url,
        auth_token="dummy",
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(trust_env=False, verify=False),
        _strict_response_validation=True,
    )


def parse_strictly(kind: TypeAdapter[T], text: str | bytes) -> T:
    """Parse JSON as one of the SDK's types; no field may be missing, of another type or unknown to the SDK."""
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
