"""The measures of the gateway's benchmark, with the gateway itself as the contestant."""

import asyncio
import time
from pathlib import Path

import pytest
from benchmarks.gateway.bodies import LARGE_BYTES, LARGE_TOOLS, SMALL_BYTES, SMALL_TOOLS, request_body
from benchmarks.gateway.contestants import ANYCLAUDE
from benchmarks.gateway.measures import Harness, check, first_events, tagged_bodies
from benchmarks.gateway.mock_backend import MockBackend, Script
from tests.parts.gateway import running_gateway, target_at

from anyclaude.network import parse_address

STREAMS = 2


@pytest.mark.parametrize(("size", "tools"), [(SMALL_BYTES, SMALL_TOOLS), (LARGE_BYTES, LARGE_TOOLS)])
async def test_the_gateway_can_be_measured(tmp_path: Path, size: int, tools: int) -> None:
    backend = MockBackend(time.perf_counter)
    await backend.start()
    try:
        async with running_gateway(tmp_path, target_at(backend.base_url, "generic")) as gateway:
            port = parse_address(gateway.base_url).port
            assert port is not None
            bodies = tagged_bodies(lambda tag: request_body(size, tools, tag), STREAMS)
            harness = Harness(backend, ANYCLAUDE.endpoint(port), time.perf_counter, bodies)

            await check(harness)
            waits = await asyncio.wait_for(first_events(harness, STREAMS, 0.1, Script(1)), 60)
            assert len(waits) >= STREAMS
    finally:
        await backend.stop()
