"""The embedded engine starts, serves only its key, reports why it died, and never outlives its parent."""

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
from tests.parts import engine_with_card
from tests.parts.engines import ENGINE_KEY, ask, connected, running
from tests.parts.null_progress import NullProgress
from tests.parts.processes import children_of, is_running, wait_for_end

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine, ask_devices, start_engine, stop
from anyclaude.engine.gguf import read_metadata
from anyclaude.errors import EngineFailed

HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}
FOREIGN_ORIGIN = "http://other.example"


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


class InterruptLoading(NullProgress):
    """A `Progress` that kills the engine, or cancels the current task, when loading begins."""

    def __init__(self, *, kill_the_engine: bool) -> None:
        self._kill_the_engine = kill_the_engine
        self._other_processes = set(children_of(os.getpid()))

    def started(self, label: str, total_bytes: int | None) -> None:
        """Kill the engine, or cancel the task that waits for it."""
        if self._kill_the_engine:
            (engine,) = set(children_of(os.getpid())) - self._other_processes
            os.kill(engine, signal.SIGKILL)
        else:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()


@pytest.fixture
async def engine(tiny_model: Path, tmp_path: Path) -> AsyncIterator[EmbeddedEngine]:
    """A separate engine, which the test may kill."""
    async with running(tiny_model, tmp_path / "logs", EngineOptions()) as engine:
        yield engine


async def test_a_started_engine_has_the_properties_of_its_model(tiny_engine: EmbeddedEngine, tiny_model: Path) -> None:
    assert tiny_engine.model_name == tiny_model.stem
    assert (tiny_engine.context_tokens, tiny_engine.slots) == (131_072, 1)
    assert tiny_engine.supports_tools
    assert is_running(tiny_engine.process.pid)


async def test_a_started_engine_says_what_computes(tiny_engine: EmbeddedEngine, tmp_path: Path) -> None:
    assert tiny_engine.devices == await ask_devices(tmp_path)
    assert os.listdir(tmp_path) == []
    assert tiny_engine.computed_on.startswith("the processor (")


@pytest.mark.parametrize(
    ("free", "fitting", "words"),
    [
        (24 << 30, 100, "CUDA (RTX), with all 1 layers"),
        (1 << 30, 100, "the processor ("),
        (24 << 30, 0, "CUDA (RTX), with as many layers as fit"),
    ],
)
async def test_an_engine_with_a_card_says_what_is_on_it_and_starts_even_if_less_fits_than_calculated(
    tiny_model: Path, tmp_path: Path, free: int, fitting: int, words: str
) -> None:
    command = (sys.executable, str(Path(engine_with_card.__file__)), str(free), str(fitting))
    options = EngineOptions(context_tokens=1024)
    async with start_engine(
        tiny_model, tmp_path, NullProgress(), api_key=ENGINE_KEY, options=options, command=command
    ) as engine:
        answer = msgspec.convert(await ask(engine, "/v1/chat/completions", dict(HELLO)), _Completion)

    assert engine.computed_on.startswith(words)
    assert answer.usage.completion_tokens == 8
    assert [device.name for device in engine.devices] == ["CUDA0", "CPU"]
    assert not is_running(engine.process.pid)


async def test_the_default_weights_reply(smollm2_engine: EmbeddedEngine) -> None:
    answer = msgspec.convert(await ask(smollm2_engine, "/v1/chat/completions", dict(HELLO)), _Completion)

    assert smollm2_engine.context_tokens == 8192
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens <= 8


@pytest.mark.parametrize(("requested", "given"), [(4096, 4096), (1_000_000, 131_072)])
async def test_the_context_is_the_requested_one_but_at_most_the_trained_one(
    tiny_model: Path, tmp_path: Path, requested: int, given: int
) -> None:
    async with running(tiny_model, tmp_path, EngineOptions(context_tokens=requested)) as engine:
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
async def test_requests_without_the_key_are_refused(tiny_engine: EmbeddedEngine, path: str, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    method = "GET" if path in {"/props", "/slots", "/v1/models"} else "POST"

    async with (
        aiohttp.ClientSession(tiny_engine.base_url) as session,
        session.request(method, path, json=HELLO, headers=headers) as response,
    ):
        status = response.status

    assert status == 401


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_responses_allow_no_origin(tiny_engine: EmbeddedEngine, method: str) -> None:
    async with (
        connected(tiny_engine) as session,
        session.request(method, "/v1/chat/completions", json=HELLO, headers={"Origin": FOREIGN_ORIGIN}) as response,
    ):
        allowed = response.headers.get("Access-Control-Allow-Origin", "")

    assert allowed == ""


async def test_it_listens_on_loopback_only(tiny_engine: EmbeddedEngine) -> None:
    sockets = psutil.Process(tiny_engine.process.pid).net_connections()

    assert {listening.laddr.ip for listening in sockets if listening.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


async def test_the_key_is_not_in_arguments_environment_log_or_repr(tiny_engine: EmbeddedEngine) -> None:
    process = psutil.Process(tiny_engine.process.pid)

    for place in (*process.cmdline(), *process.environ().values(), tiny_engine.log_file.read_text(), repr(tiny_engine)):
        assert ENGINE_KEY not in place


async def test_the_log_is_private_and_holds_the_output_of_llama_cpp(engine: EmbeddedEngine) -> None:
    log = engine.log_file

    assert "model loaded" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


async def test_old_logs_are_removed(tiny_model: Path, tmp_path: Path) -> None:
    for age in range(12):
        old = tmp_path / f"engine-{age}.log"
        old.touch()
        os.utime(old, (1000 - age, 1000 - age))

    async with running(tiny_model, tmp_path, EngineOptions()) as engine:
        log = engine.log_file

    assert set(os.listdir(tmp_path)) == {log.name} | {f"engine-{age}.log" for age in range(9)}


async def test_an_interrupt_from_the_terminal_does_not_reach_the_engine(engine: EmbeddedEngine) -> None:
    assert os.getsid(engine.process.pid) != os.getsid(0)


async def test_leaving_the_context_ends_the_process(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, EngineOptions()) as engine:
        pass

    assert engine.process.returncode == -signal.SIGTERM
    assert not is_running(engine.process.pid)


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    await stop(process, within_seconds=0.1)

    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("deadly", "reason"),
    [
        (signal.SIGKILL, r"killed \(SIGKILL\).*memory"),
        (signal.SIGSEGV, r"crashed \(SIGSEGV\)"),
        (signal.SIGUSR1, "User defined signal 1"),
    ],
)
async def test_a_crash_is_reported_with_its_reason(engine: EmbeddedEngine, deadly: signal.Signals, reason: str) -> None:
    waiting = asyncio.create_task(engine.wait())
    engine.process.send_signal(deadly)

    with pytest.raises(EngineFailed, match=f"{reason}.*Its log is .*{engine.log_file.name}"):
        await waiting


async def test_a_crash_while_loading_is_reported(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"killed \(SIGKILL\)"):
        async with start_engine(
            tiny_model,
            tmp_path,
            InterruptLoading(kill_the_engine=True),
            api_key=ENGINE_KEY,
            options=EngineOptions(),
        ):
            pytest.fail("a dead engine was reported as ready")


async def test_cancelling_while_it_loads_leaves_no_process(tiny_model: Path, tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))

    async def start_and_cancel() -> None:
        progress = InterruptLoading(kill_the_engine=False)
        async with start_engine(tiny_model, tmp_path, progress, api_key=ENGINE_KEY, options=EngineOptions()):
            pytest.fail("the cancellation was swallowed")

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(start_and_cancel())

    assert set(children_of(os.getpid())) <= before


async def test_a_truncated_model_is_reported_with_llama_cpps_error(smollm2_model: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.gguf"
    with smollm2_model.open("rb") as whole:
        truncated.write_bytes(whole.read(3_000_000))

    with pytest.raises(EngineFailed, match=r"not within the file bounds.*Its log is "):
        async with running(truncated, tmp_path, EngineOptions()):
            pytest.fail("a truncated model was accepted")


async def test_an_invalid_template_is_reported(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="could not start"):
        async with running(tiny_model, tmp_path, EngineOptions(chat_template="{% if %}")):
            pytest.fail("an invalid template was accepted")


async def test_a_slot_is_saved_only_if_a_folder_is_set(
    tiny_model: Path, tmp_path: Path, tiny_engine: EmbeddedEngine
) -> None:
    async with running(tiny_model, tmp_path, EngineOptions(slot_save_folder=str(tmp_path))) as engine:
        await ask(engine, "/v1/chat/completions", dict(HELLO))
        await ask(engine, "/slots/0?action=save", {"filename": "slot.bin"})

    assert (tmp_path / "slot.bin").stat().st_size > 0
    assert stat.S_IMODE((tmp_path / "slot.bin").stat().st_mode) == 0o600
    with pytest.raises(aiohttp.ClientResponseError):
        await ask(tiny_engine, "/slots/0?action=save", {"filename": "slot.bin"})


async def test_a_token_takes_the_memory_computed_from_the_metadata(smollm2_model: Path, tmp_path: Path) -> None:
    """A saved slot is its context and a short header."""
    options = EngineOptions(context_tokens=1024, slot_save_folder=str(tmp_path))
    async with running(smollm2_model, tmp_path, options) as engine:
        await ask(engine, "/completion", {"prompt": "leaf " * 500, "n_predict": 1})
        saved = msgspec.convert(await ask(engine, "/slots/0?action=save", {"filename": "slot.bin"}), _Saved)

    computed = read_metadata(smollm2_model).kv_bytes_per_token
    assert computed == pytest.approx(saved.n_written / saved.n_saved, rel=0.02)


PARENT = """
import asyncio, sys
from pathlib import Path
from anyclaude.engine import EngineOptions
from tests.parts.engines import running

async def main():
    async with running(Path(sys.argv[1]), Path(sys.argv[2]), EngineOptions()) as engine:
        print(engine.process.pid, flush=True)
        await engine.wait()

asyncio.run(main())
"""


async def test_it_does_not_outlive_a_parent_that_is_killed(tiny_model: Path, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tiny_model), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    engine = int(await parent.stdout.readline())

    parent.kill()
    await parent.wait()

    assert await asyncio.to_thread(wait_for_end, engine)
