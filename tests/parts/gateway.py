"""A gateway of our own in front of any Chat Completions server, for tests."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from anyclaude.backends.target import BackendTarget
from anyclaude.observability import Journal
from anyclaude.profiles import BackendName, profile_named
from anyclaude.protocol.json_values import JsonObject
from anyclaude.server.gateway import Gateway, GatewayOptions

MODEL = "local-model"


@dataclass(frozen=True)
class RunningGateway:
    """Where it listens, and where it writes."""

    base_url: str
    journal_folder: Path
    gateway: Gateway

    def records(self) -> list[JsonObject]:
        """Return what the journal holds so far, oldest first."""
        files = sorted(self.journal_folder.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def target_at(base_url: str, backend: BackendName = "llamacpp", parallel_requests: int = 4) -> BackendTarget:
    """Return a target for a server at `base_url` (with its `/v1`)."""
    return BackendTarget(
        profile=profile_named(backend), base_url=base_url, model=MODEL, parallel_requests=parallel_requests
    )


@asynccontextmanager
async def running_gateway(
    folder: Path, *targets: BackendTarget, options: GatewayOptions | None = None
) -> AsyncGenerator[RunningGateway, None]:
    """Run a gateway on a free loopback port; its journal goes to `folder`."""
    quick = replace(options or GatewayOptions(), grace_seconds=0.2)
    gateway = Gateway(quick, targets, Journal(folder / "request-logs"))
    await gateway.start()
    try:
        yield RunningGateway(gateway.base_url, folder / "request-logs", gateway)
    finally:
        await gateway.stop()
