"""The command in a home folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.engines import smollm2_model, tiny_model
from tests.parts.fake_client import write_fake_client
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import stub_server

__all__ = ["command", "smollm2_model", "tiny_model"]


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    """The command, with a vLLM that answers and a client on the PATH."""
    write_fake_client(tmp_path)
    async with stub_server(VLLM) as server:
        yield Command(tmp_path, server)
