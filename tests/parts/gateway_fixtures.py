"""Fixtures for tests of the gateway, which run on uvloop, as the gateway does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop
from tests.parts.gateway import RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend, raw_backend


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on uvloop, and those marked `both_loops` also on the loop of systems that have no uvloop."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if item.get_closest_marker("both_loops"):
        loops["asyncio"] = asyncio.new_event_loop
    return loops


@pytest.fixture
async def backend() -> AsyncIterator[RawBackend]:
    """A model server controlled by the test."""
    async with raw_backend() as backend:
        yield backend


@pytest.fixture
async def gateway(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway in front of that server."""
    async with running_gateway(tmp_path, target_at(backend.base_url)) as gateway:
        yield gateway
