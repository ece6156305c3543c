"""A gateway and a model server for each test."""

from tests.parts.gateway_fixtures import backend, gateway, pytest_asyncio_loop_factories

__all__ = ["backend", "gateway", "pytest_asyncio_loop_factories"]
