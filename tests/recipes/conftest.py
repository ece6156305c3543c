"""A model server for each test."""

from tests.parts.gateway_fixtures import backend, pytest_asyncio_loop_factories

__all__ = ["backend", "pytest_asyncio_loop_factories"]
