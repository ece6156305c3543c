"""Real engines for tests: each fixture runs one engine for the whole session, and `running` runs another one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from tests.parts.null_progress import NullProgress
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import qwen_coder_file, smollm2_file, tests_cache

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine, start_engine

ENGINE_KEY = "the-engine-key-of-the-tests"


@asynccontextmanager
async def running(model_file: Path, log_folder: Path, options: EngineOptions) -> AsyncIterator[EmbeddedEngine]:
    """Run a model for the duration of the context."""
    async with start_engine(model_file, log_folder, NullProgress(), api_key=ENGINE_KEY, options=options) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def smollm2_model() -> Path:
    """The file of the default weights."""
    return await smollm2_file()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def qwen_model() -> Path:
    """The file of Qwen2.5-Coder-0.5B, which calls tools."""
    return await qwen_coder_file()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tiny_model(smollm2_model: Path) -> Path:
    """The file of the tiny model with random weights."""
    return tiny_model_file(smollm2_model, tests_cache() / "models")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tiny_engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedEngine]:
    """An engine with the tiny model and its 128k tokens of context."""
    async with running(tiny_model, tmp_path_factory.mktemp("logs"), EngineOptions()) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def smollm2_engine(
    smollm2_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedEngine]:
    """An engine with the default weights."""
    async with running(smollm2_model, tmp_path_factory.mktemp("logs"), EngineOptions()) as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def qwen_engine(qwen_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedEngine]:
    """An engine with Qwen2.5-Coder-0.5B and 4k tokens of context, enough for a short loop of tool calls."""
    async with running(qwen_model, tmp_path_factory.mktemp("logs"), EngineOptions(context_tokens=4096)) as engine:
        yield engine


@asynccontextmanager
async def connected(engine: EmbeddedEngine) -> AsyncIterator[aiohttp.ClientSession]:
    """
    Open a session with the engine's key.

    llama.cpp announces keep-alive but closes a connection after each streamed reply, so no connection is reused.
    """
    async with aiohttp.ClientSession(
        engine.base_url,
        headers={"Authorization": f"Bearer {engine.api_key}"},
        connector=aiohttp.TCPConnector(force_close=True),
    ) as session:
        yield session


async def ask(engine: EmbeddedEngine, path: str, body: dict[str, object]) -> object:
    """Post a JSON body to the engine and return its JSON response."""
    async with connected(engine) as session, session.post(path, json=body, raise_for_status=True) as response:
        return msgspec.json.decode(await response.read())
