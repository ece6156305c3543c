"""A gateway in front of any Chat Completions server, for tests."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.prefix_contract import PrefixListener
from tests.parts.raw_backend import MAX_WAIT_SECONDS

from anyclaude.backends import BackendTarget
from anyclaude.exchange import REAL_TIME, Clock, ExchangeRecord
from anyclaude.observability.journal import Journal
from anyclaude.profiles import BackendName, profile_named
from anyclaude.protocol.json_values import JsonObject
from anyclaude.server import Gateway, GatewayOptions, open_gateway

MODEL = "local-model"

QUICK = GatewayOptions(grace_seconds=0.2)
"""The default options in tests: at its stop the gateway waits only briefly for running requests."""


class WatchedJournal(Journal):
    """A journal that sets an event after each write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.written = asyncio.Event()

    def write(self, record: ExchangeRecord) -> None:
        """Append one record and set the event."""
        super().write(record)
        self.written.set()


@dataclass(frozen=True)
class RunningGateway:
    """A running gateway: its address and its journal."""

    base_url: str
    journal_folder: Path
    gateway: Gateway
    journal: WatchedJournal
    stop: Callable[[], Awaitable[None]]
    """Stops the gateway before the block ends."""

    def records(self) -> list[JsonObject]:
        """Return the records of the journal, oldest first."""
        files = sorted(self.journal_folder.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    async def recorded(self, count: int) -> JsonObject:
        """Wait until the journal has `count` records and return the last; for requests that outlive their client."""
        async with asyncio.timeout(MAX_WAIT_SECONDS):
            while len(records := self.records()) < count:
                self.journal.written.clear()
                await self.journal.written.wait()
        return records[-1]


def target_at(base_url: str, backend: BackendName = "llamacpp", parallel_requests: int = 4) -> BackendTarget:
    """Return a target for a server at `base_url` (with its `/v1`)."""
    return BackendTarget(
        profile=profile_named(backend), base_url=base_url, model=MODEL, parallel_requests=parallel_requests
    )


@asynccontextmanager
async def running_gateway(
    folder: Path, *targets: BackendTarget, options: GatewayOptions = QUICK, clock: Clock = REAL_TIME
) -> AsyncGenerator[RunningGateway, None]:
    """Run a gateway on a free loopback port; its journal goes to `folder`."""
    journal = WatchedJournal(folder / "request-logs")
    async with AsyncExitStack() as stack:
        opened = open_gateway(options, targets, journal, clock, listeners=[PrefixListener()])
        gateway = await stack.enter_async_context(opened)
        yield RunningGateway(gateway.base_url, folder / "request-logs", gateway, journal, stack.aclose)
