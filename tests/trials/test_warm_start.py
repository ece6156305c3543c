"""Launches of the real client on the embedded engine: how much of a first turn is cached, by the engine's own count."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace
from tests.launcher.test_real_client import anyclaude
from tests.parts.claude_code_versions import VERSIONS
from tests.parts.engines import connected as connected_to
from tests.parts.engines import running
from tests.parts.gateway import QUICK, running_gateway
from tests.parts.raw_client import connected
from tests.parts.sessions import first_request, send

from anyclaude.engine import EngineOptions
from anyclaude.launcher.embedded import engine_target
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions
from anyclaude.prewarm.first_prompt import first_prompt_of
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.protocol.messages_request import decode_request
from anyclaude.settings import Settings

SHORT_DETERMINISTIC = json.dumps({"temperature": 0, "max_tokens": 20})
"""Fields the client adds to each request; the output of random weights is of no interest."""

NO_SNAPSHOTS = {"ANYCLAUDE_SLOT_SNAPSHOTS_MIB": "0"}

MIN_CACHED, MAX_EVALUATED = 0.95, 0.05


class Usage(msgspec.Struct):
    input_tokens: int | None = None
    cached_tokens: int | None = None


class Record(msgspec.Struct):
    request_class: str
    outcome: str
    usage: Usage

    @property
    def prompt(self) -> int:
        assert self.usage.input_tokens is not None
        return self.usage.input_tokens

    @property
    def cached(self) -> int:
        assert self.usage.cached_tokens is not None
        return self.usage.cached_tokens


@dataclass(frozen=True, slots=True)
class Launched:
    """The journal's records of one launch."""

    records: tuple[Record, ...]

    @property
    def first_turn(self) -> Record:
        """The client's first request."""
        return next(record for record in self.records if record.request_class != "warm_up")

    @property
    def prewarm_records(self) -> list[Record]:
        """The prompts evaluated in advance."""
        return [record for record in self.records if record.request_class == "warm_up"]


@dataclass(frozen=True, slots=True)
class Launches:
    """Successive launches in one project; every process ends between them."""

    cold: Launched
    prewarmed: Launched
    last_before: Launched
    restored: Launched
    continued: Launched


@pytest.fixture(scope="module", params=VERSIONS)
def launches(
    request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launches]:
    """Launch the client once for all tests of this module."""
    yield asyncio.run(play(str(request.param), tiny_model, tmp_path_factory.mktemp("home")))


async def play(version: str, model_file: Path, home: Path) -> Launches:
    """Launch the command five times."""

    async def launched(prompt: str, *more: str, **environment: str) -> Launched:
        seen = len(journal(home))
        where = ("--mode", "embedded", "--model", str(model_file))
        variables = {"ANYCLAUDE_CACHE_DIR": str(home / "cache"), "CLAUDE_CODE_EXTRA_BODY": SHORT_DETERMINISTIC}
        await anyclaude(home, version, "-p", prompt, *more, *where, **variables, **environment)
        return Launched(journal(home)[seen:])

    return Launches(
        await launched("Pull the weeds", **NO_SNAPSHOTS),
        await launched("Water the roses", **NO_SNAPSHOTS),
        await launched("Pick the apples"),
        await launched("Sweep the path"),
        await launched("And the steps", "--continue"),
    )


def journal(home: Path) -> tuple[Record, ...]:
    """Return all records, oldest first."""
    files = sorted((home / ".anyclaude" / "request-logs").glob("*.jsonl"))
    return tuple(msgspec.json.decode(line, type=Record) for file in files for line in file.read_bytes().splitlines())


def test_the_first_launch_in_a_new_project_starts_cold(launches: Launches) -> None:
    assert launches.cold.prewarm_records == []
    assert launches.cold.first_turn.cached == 0


def test_the_first_prompt_of_the_next_launch_is_evaluated_in_advance(launches: Launches) -> None:
    (prewarm,) = launches.prewarmed.prewarm_records
    turn = launches.prewarmed.first_turn

    assert (prewarm.outcome, prewarm.cached) == ("completed", 0)
    assert turn.cached >= MIN_CACHED * turn.prompt


def test_a_launch_with_a_slot_snapshot_evaluates_almost_nothing_again(launches: Launches) -> None:
    turn = launches.restored.first_turn
    before = [*launches.restored.prewarm_records, turn]

    assert sum(record.prompt - record.cached for record in before) <= MAX_EVALUATED * turn.prompt


def test_a_continued_session_finds_its_whole_conversation(launches: Launches) -> None:
    turn, last = launches.continued.first_turn, launches.restored.records[-1]

    assert launches.continued.prewarm_records == []
    assert turn.cached >= MIN_CACHED * last.prompt
    assert turn.prompt - turn.cached <= MAX_EVALUATED * turn.prompt


class Slot(msgspec.Struct):
    is_processing: bool
    n_prompt_tokens_processed: int = 0


async def evaluated_so_far(session: aiohttp.ClientSession) -> int:
    """Wait until the engine has evaluated part of a prompt, and return the number of tokens."""
    while True:
        async with session.get("/slots") as response:
            (slot,) = msgspec.json.decode(await response.read(), type=list[Slot])
        if slot.is_processing and slot.n_prompt_tokens_processed:
            return slot.n_prompt_tokens_processed


async def test_a_request_during_prewarming_continues_from_the_tokens_already_evaluated(
    tiny_model: Path, tmp_path: Path
) -> None:
    launch_key = LaunchKey("/garden")
    instructions = "Search the garden with care, and say what you find. " * 4_000
    prompt = first_prompt_of(decode_request(first_request("Pull the weeds", system=instructions)), launch_key)
    assert prompt is not None
    FirstPromptStore(tmp_path / "prompts").keep(prompt)
    prewarm_options = PrewarmOptions(first_prompt=FirstPromptOptions(tmp_path / "prompts", launch_key))
    options = replace(QUICK, prewarm=prewarm_options)
    async with (
        running(tiny_model, tmp_path / "logs", EngineOptions(threads=1)) as engine,
        connected_to(engine) as session,
        running_gateway(tmp_path, engine_target(engine, Settings()), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        evaluated = await evaluated_so_far(session)
        await send(client, first_request("Water the roses", system=instructions, max_tokens=4))
        response = await client.response()
        await gateway.recorded(2)

    prewarm, turn = (msgspec.convert(record, Record) for record in gateway.records())
    assert (prewarm.request_class, prewarm.outcome) == ("warm_up", "pre_empted")
    assert (response.status, turn.outcome) == (200, "completed")
    assert turn.prompt > turn.cached >= evaluated
