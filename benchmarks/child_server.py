"""A server in a process of its own, which prints its URL and serves until its standard input ends."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import IO


@asynccontextmanager
async def child_server(
    command: Sequence[str | bytes], log: IO[bytes] | int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run a command for the duration of the context, and yield the URL that it prints; its errors go to `log`."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=log, env=environment)
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()
