"""The embedded engine comes up, is ours alone, says why it died, and never stays behind."""

import asyncio
import os
import signal
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest
from tests.parts.engines import ENGINE_KEY, ask, connected, running
from tests.parts.processes import children_of, is_running, wait_for_end

from anyclaude.engine.embedded import EmbeddedEngine, start_engine, stop
from anyclaude.engine.gguf import read_metadata
from anyclaude.engine.options import EngineOptions
from anyclaude.engine.progress import NullProgress
from anyclaude.errors import EngineFailed

HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}
EVIL = "http://evil.example"


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Usage(msgspec.Struct):
    completion_tokens: int


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage


class _Saved(msgspec.Struct):
    n_saved: int
    n_written: int


class AtTheStart(NullProgress):
    """A `Progress` that does something when loading begins."""

    def __init__(self, *, kill_the_engine: bool) -> None:
        self._kill_the_engine = kill_the_engine

    def started(self, label: str, total_bytes: int | None) -> None:
        """Kill the engine, or cancel the one that waits for it."""
        if self._kill_the_engine:
            (engine,) = engines_of(os.getpid())
            os.kill(engine, signal.SIGKILL)
        else:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()


@pytest.fixture
async def engine(tiny_model: Path, tmp_path: Path) -> AsyncIterator[EmbeddedEngine]:
    """An engine of its own, to be ill-treated."""
    async with running(tiny_model, tmp_path / "logs", EngineOptions()) as engine:
        yield engine


async def test_it_describes_itself_when_it_is_ready(tiny_engine: EmbeddedEngine, tiny_model: Path) -> None:
    assert tiny_engine.model_name == tiny_model.stem
    assert (tiny_engine.context_tokens, tiny_engine.slots) == (131_072, 1)
    assert tiny_engine.supports_tools
    assert is_running(tiny_engine.process.pid)


async def test_the_default_weights_answer(smollm2_engine: EmbeddedEngine) -> None:
    answer = msgspec.convert(await ask(smollm2_engine, "/v1/chat/completions", dict(HELLO)), _Completion)

    assert smollm2_engine.context_tokens == 8192
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens <= 8


@pytest.mark.parametrize(("asked", "given"), [(4096, 4096), (1_000_000, 131_072)])
async def test_the_context_is_what_was_asked_but_never_more_than_was_trained(
    tiny_model: Path, tmp_path: Path, asked: int, given: int
) -> None:
    async with running(tiny_model, tmp_path, EngineOptions(context_tokens=asked)) as engine:
        context_tokens = engine.context_tokens

    assert context_tokens == given


async def test_each_of_several_slots_has_the_whole_context(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, EngineOptions(context_tokens=2048, slots=3)) as engine:
        described = (engine.slots, engine.context_tokens)

    assert described == (3, 2048)


async def test_two_engines_run_side_by_side(tiny_engine: EmbeddedEngine, engine: EmbeddedEngine) -> None:
    for one in (tiny_engine, engine):
        answer = msgspec.convert(await ask(one, "/v1/chat/completions", dict(HELLO)), _Completion)

        assert answer.usage.completion_tokens == 8

    assert tiny_engine.base_url != engine.base_url


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/messages", "/tokenize", "/apply-template", "/props", "/slots", "/v1/models"]
)
@pytest.mark.parametrize("key", [None, "another-key"])
async def test_nobody_without_the_key_is_served(tiny_engine: EmbeddedEngine, path: str, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    method = "GET" if path in {"/props", "/slots", "/v1/models"} else "POST"

    async with (
        aiohttp.ClientSession(tiny_engine.base_url) as session,
        session.request(method, path, json=HELLO, headers=headers) as response,
    ):
        status = response.status

    assert status == 401


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_no_web_page_may_read_what_it_says(tiny_engine: EmbeddedEngine, method: str) -> None:
    async with (
        connected(tiny_engine) as session,
        session.request(method, "/v1/chat/completions", json=HELLO, headers={"Origin": EVIL}) as response,
    ):
        allowed = response.headers.get("Access-Control-Allow-Origin", "")

    assert allowed == ""


async def test_it_listens_on_loopback_only(tiny_engine: EmbeddedEngine) -> None:
    sockets = psutil.Process(tiny_engine.process.pid).net_connections()

    assert {listening.laddr.ip for listening in sockets if listening.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


async def test_the_key_is_in_no_place_that_others_can_see(tiny_engine: EmbeddedEngine) -> None:
    process = psutil.Process(tiny_engine.process.pid)

    for place in (*process.cmdline(), *process.environ().values(), tiny_engine.log_file.read_text(), repr(tiny_engine)):
        assert ENGINE_KEY not in place


async def test_its_log_is_private_and_holds_what_llama_cpp_says(engine: EmbeddedEngine) -> None:
    log = engine.log_file

    assert "model loaded" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


async def test_the_logs_of_long_ago_are_cleared_away(tiny_model: Path, tmp_path: Path) -> None:
    for age in range(12):
        old = tmp_path / f"engine-{age}.log"
        old.touch()
        os.utime(old, (1000 - age, 1000 - age))

    async with running(tiny_model, tmp_path, EngineOptions()) as engine:
        log = engine.log_file

    assert set(os.listdir(tmp_path)) == {log.name} | {f"engine-{age}.log" for age in range(9)}


async def test_the_terminals_interrupt_does_not_reach_it(engine: EmbeddedEngine) -> None:
    assert os.getsid(engine.process.pid) != os.getsid(0)


async def test_leaving_the_context_ends_the_process(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, EngineOptions()) as engine:
        pass

    assert engine.process.returncode == -signal.SIGTERM
    assert not is_running(engine.process.pid)


async def test_a_process_that_does_not_heed_sigterm_is_killed() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", deaf, stdout=PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    await stop(process, within_seconds=0.1)

    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("deadly", "reason"),
    [
        (signal.SIGKILL, r"killed \(SIGKILL\).*memory"),
        (signal.SIGSEGV, r"crashed \(SIGSEGV\)"),
        (signal.SIGHUP, "Hangup"),
    ],
)
async def test_its_death_is_told_with_the_reason(engine: EmbeddedEngine, deadly: signal.Signals, reason: str) -> None:
    waiting = asyncio.create_task(engine.wait())
    engine.process.send_signal(deadly)

    with pytest.raises(EngineFailed, match=f"{reason}.*Its log is .*{engine.log_file.name}"):
        await waiting


async def test_death_while_loading_is_told(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"killed \(SIGKILL\)"):
        async with start_engine(
            tiny_model,
            tmp_path,
            AtTheStart(kill_the_engine=True),
            api_key=ENGINE_KEY,
            options=EngineOptions(),
        ):
            pytest.fail("a dead engine was taken for ready")


async def test_giving_up_while_it_loads_leaves_no_process(tiny_model: Path, tmp_path: Path) -> None:
    before = engines_of(os.getpid())

    async def give_up() -> None:
        progress = AtTheStart(kill_the_engine=False)
        async with start_engine(tiny_model, tmp_path, progress, api_key=ENGINE_KEY, options=EngineOptions()):
            pytest.fail("the cancellation was swallowed")

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(give_up())

    assert engines_of(os.getpid()) == before


async def test_a_file_that_ends_too_early_is_told_in_the_engines_words(smollm2_model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with smollm2_model.open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))

    with pytest.raises(EngineFailed, match=r"not within the file bounds.*Its log is "):
        async with running(cut, tmp_path, EngineOptions()):
            pytest.fail("half a model was taken for a whole one")


async def test_a_template_that_is_none_is_told(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="could not start"):
        async with running(tiny_model, tmp_path, EngineOptions(chat_template="{% if %}")):
            pytest.fail("a broken template was taken")


async def test_a_slot_is_saved_only_where_it_was_allowed(
    tiny_model: Path, tmp_path: Path, tiny_engine: EmbeddedEngine
) -> None:
    async with running(tiny_model, tmp_path, EngineOptions(slot_save_folder=str(tmp_path))) as engine:
        await ask(engine, "/v1/chat/completions", dict(HELLO))
        await ask(engine, "/slots/0?action=save", {"filename": "slot.bin"})

    assert (tmp_path / "slot.bin").stat().st_size > 0
    assert stat.S_IMODE((tmp_path / "slot.bin").stat().st_mode) == 0o600
    with pytest.raises(aiohttp.ClientResponseError):
        await ask(tiny_engine, "/slots/0?action=save", {"filename": "slot.bin"})


async def test_a_token_takes_the_memory_that_its_file_foretells(smollm2_model: Path, tmp_path: Path) -> None:
    """What is saved is the context itself, and some words about it."""
    options = EngineOptions(context_tokens=1024, slot_save_folder=str(tmp_path))
    async with running(smollm2_model, tmp_path, options) as engine:
        await ask(engine, "/completion", {"prompt": "leaf " * 500, "n_predict": 1})
        saved = msgspec.convert(await ask(engine, "/slots/0?action=save", {"filename": "slot.bin"}), _Saved)

    foretold = read_metadata(smollm2_model).kv_bytes_per_token
    assert foretold == pytest.approx(saved.n_written / saved.n_saved, rel=0.02)


STARTER = """
import asyncio, sys
from pathlib import Path
from anyclaude.engine.options import EngineOptions
from tests.parts.engines import running

async def main():
    async with running(Path(sys.argv[1]), Path(sys.argv[2]), EngineOptions()) as engine:
        print(engine.process.pid, flush=True)
        await engine.wait()

asyncio.run(main())
"""


async def test_it_does_not_outlive_a_starter_that_is_killed(tiny_model: Path, tmp_path: Path) -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, str(tiny_model), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    engine = int(await starter.stdout.readline())

    starter.kill()
    await starter.wait()

    assert await asyncio.to_thread(wait_for_end, engine)


def engines_of(starter: int) -> list[int]:
    """The engines that a process is running, other than those of the session's fixtures."""
    return [pid for pid in children_of(starter) if _is_starting(pid)]


def _is_starting(pid: int) -> bool:
    # One that has its model listens; the fixtures' engines do.
    return not any(socket.status == psutil.CONN_LISTEN for socket in psutil.Process(pid).net_connections())
