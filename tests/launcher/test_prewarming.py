"""What an interactive launch says of the evaluation in advance."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.sessions import first_request

from anyclaude.backends import SlotFile
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.launcher import Invocation
from anyclaude.launcher.client import Client
from anyclaude.launcher.client.diets import LEAN
from anyclaude.launcher.engine_monitor import EngineMonitor
from anyclaude.launcher.prewarming import announced_evaluation, key_of, prewarm_options
from anyclaude.launcher.run import Run
from anyclaude.launcher.servers import OwnEngine, Servers
from anyclaude.prewarm.first_prompt import first_prompt_of
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.prewarm.launches import LaunchKey
from anyclaude.prewarm.slot_store import SlotStore
from anyclaude.protocol.messages_request import decode_request
from anyclaude.settings import Settings

CLIENT = Client(("claude",), is_native=True)
TARGET = replace(target_at("http://127.0.0.1:1/v1", "embedded"), parallel_requests=1)


@pytest.fixture
async def run(tiny_engine: EmbeddedEngine, tmp_path: Path) -> Run:
    """An interactive launch in a project, on an engine of its own."""
    servers = Servers((TARGET,), OwnEngine(TARGET, tiny_engine, "identity"))
    settings = Settings(log_dir=tmp_path, cache_dir=tmp_path)
    return Run(Invocation((), {}, Path("/garden")), settings, servers, EngineMonitor(), pytest.fail)


def record(run: Run, tokens: int | None = 4_931, folder: str = "/garden", model: str = TARGET.model) -> LaunchKey:
    """Record a first prompt of an earlier launch, and return the key of this one."""
    key = key_of(run, CLIENT, LEAN, TARGET)
    earlier = replace(run, invocation=replace(run.invocation, folder=Path(folder)))
    recorded = key_of(earlier, CLIENT, LEAN, replace(TARGET, model=model))
    prompt = first_prompt_of(decode_request(first_request("Pull the weeds")), recorded, tokens)
    assert prompt is not None
    FirstPromptStore(run.settings.log_dir / "first-prompts").keep(prompt)
    return key


def said(run: Run, *words: str) -> list[str]:
    return list(announced_evaluation(replace(run, invocation=replace(run.invocation, arguments=words)), CLIENT, LEAN))


@pytest.mark.parametrize("model", [TARGET.model, "another"])
async def test_the_first_prompt_of_a_known_project_is_announced_with_its_size(run: Run, model: str) -> None:
    record(run, model=model)

    assert said(run) == ["while you type, the engine evaluates what is known of the first prompt: about 4,900 tokens"]


async def test_of_another_project_the_shared_part_is_counted(run: Run) -> None:
    record(run, tokens=100_000, folder="/kitchen")
    (line,) = said(run)
    about = int(line.split("about ")[1].split(" ")[0].replace(",", ""))

    assert 0 < about < 100_000


async def test_nothing_is_said_of_what_is_not_evaluated_or_not_known(run: Run) -> None:
    assert said(run) == []
    record(run, tokens=None)
    assert said(run) == []
    record(run)
    assert said(run, "-p", "x") == []
    assert said(run, "--continue") == []
    assert said(replace(run, settings=replace(run.settings, prewarm=False))) == []


async def test_nothing_is_said_where_the_cache_is_not_empty(run: Run) -> None:
    """A server that was running before may have the prompt; a restored snapshot has it."""
    key = record(run)
    assert said(replace(run, servers=Servers((TARGET,)))) == []

    options = prewarm_options(run, key).slot
    assert options is not None
    store = SlotStore(options.folder, options.engine, options.limit_bytes)
    options.folder.mkdir()
    name = store.new_file_name()
    (options.folder / name).write_bytes(b"x")
    store.keep(key, "session", name, SlotFile(tokens=1, bytes=1))
    assert said(run) == []
