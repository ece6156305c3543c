"""The embedded engine as its starter sees it: a process that is started, watched and never left behind."""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, assert_never

import aiohttp
import msgspec

from anyclaude.errors import EngineFailed
from anyclaude.storage import make_private_folder, remove_all_but_newest

from .chat_templates import chat_template_for
from .crash_reason import crash_reason
from .gguf import GgufMetadata, read_metadata, weights_bytes
from .handshake import Failed, Loading, Ready, Report, Start
from .machine import affordable_tokens, memory_bytes, memory_for_prompts, prompt_cache_mib
from .options import EngineOptions
from .progress import Progress

# SIGTERM ends the process by default and at once; only a kernel that is busy with its memory takes longer.
_SECONDS_TO_STOP = 2.0
# /props is a look into memory; the engine has just said that it listens.
_PROPS_TIMEOUT = aiohttp.ClientTimeout(total=30)
# Enough to look back at the sessions of a day; one log is some kilobytes for each request.
_LOGS_KEPT = 10
# The threads of GNU's OpenMP spin while they wait for each other, by default for so long that a busy machine starves
# the engine itself.  SmolLM2 on two cores, tokens written in a second, medians of 10 runs and more: default 130 alone
# and 10 beside other processes, 1000 rounds 130 and 27, sleeping at once 34 and 37.
_SPIN_BRIEFLY = MappingProxyType({"GOMP_SPINCOUNT": "1000"})
# For a model that does not say what it was trained for; llama.cpp's own assumption.
_UNSTATED_CONTEXT_TOKENS = 4096


@dataclass(frozen=True)
class EmbeddedEngine:
    """An engine that runs and listens on loopback; it answers only those who know its key."""

    base_url: str
    api_key: str = field(repr=False)
    model_name: str
    context_tokens: int
    trained_tokens: int
    """The window the model was trained for; the one it is run with is smaller where memory, or the user, says so."""
    slots: int
    supports_tools: bool
    log_file: Path
    process: Process

    async def wait(self) -> NoReturn:
        """Wait until the engine dies, then raise EngineFailed with the reason; cancel it to stop waiting."""
        await self.process.wait()
        raise EngineFailed(_death_of(self.process, self.log_file))


@asynccontextmanager
async def start_engine(
    model_file: Path, log_folder: Path, progress: Progress, *, api_key: str, options: EngineOptions
) -> AsyncIterator[EmbeddedEngine]:
    """
    Run the model in a process of its own for the time of the context; the process never outlives it, nor its starter.

    Raises EngineFailed, with the engine's own words, if the file is no model or the engine does not come up.
    """
    model = await asyncio.to_thread(read_metadata, model_file)
    start = await asyncio.to_thread(_what_to_run, model, model_file, api_key, options)
    log_file = await asyncio.to_thread(_open_log, log_folder)
    process = await _spawn(log_file)
    try:
        progress.started(f"Loading {model_file.name}", None)
        try:
            await _send(process, start)
            address = await _address(process, log_file)
            engine = await _described(address, _trained_tokens(model), api_key, process, log_file)
        finally:
            progress.finished()
        yield engine
    finally:
        await stop(process)


class _GenerationSettings(msgspec.Struct, frozen=True):
    n_ctx: int


class _TemplateCapabilities(msgspec.Struct, frozen=True):
    supports_tools: bool = False
    supports_tool_calls: bool = False


class _Props(msgspec.Struct, frozen=True):
    """What is read of llama.cpp's /props."""

    total_slots: int
    model_alias: str
    default_generation_settings: _GenerationSettings
    chat_template_caps: _TemplateCapabilities


def _open_log(folder: Path) -> Path:
    make_private_folder(folder)
    remove_all_but_newest(folder, "engine-*.log", _LOGS_KEPT - 1)
    descriptor, name = tempfile.mkstemp(prefix="engine-", suffix=".log", dir=folder)
    os.close(descriptor)
    return Path(name)


async def _spawn(log_file: Path) -> Process:
    with log_file.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # or a module in the user's project could be imported instead of ours
            "-m",
            "anyclaude.engine",
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            env={**_SPIN_BRIEFLY, **os.environ},  # what a child inherits anyway; a user's own choice wins
            start_new_session=True,  # Ctrl-C in the terminal is for the client, not for the engine
        )


def _what_to_run(model: GgufMetadata, model_file: Path, api_key: str, options: EngineOptions) -> Start:
    memory = memory_bytes()
    for_prompts = memory_for_prompts(weights_bytes(model_file), memory)
    cache_ram_mib = prompt_cache_mib(for_prompts, memory) if options.cache_ram_mib is None else options.cache_ram_mib
    chat_template = options.chat_template or chat_template_for(model)
    return Start(
        model_file=str(model_file.absolute()),
        model_name=model_file.stem,
        context_tokens=_context_tokens(model, for_prompts, options),
        api_key=api_key,
        options=replace(options, chat_template=chat_template, cache_ram_mib=cache_ram_mib),
    )


def _context_tokens(model: GgufMetadata, for_prompts: int, options: EngineOptions) -> int:
    """Return the window: what was asked for, else what was trained for as far as memory allows."""
    trained = _trained_tokens(model)
    if options.context_tokens is not None:
        return min(options.context_tokens, trained)
    if (each := model.kv_bytes_per_token) is None:
        return trained
    return min(affordable_tokens(each * options.slots, for_prompts), trained)


def _trained_tokens(model: GgufMetadata) -> int:
    return model.context_tokens or _UNSTATED_CONTEXT_TOKENS


async def _send(process: Process, start: Start) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(start) + b"\n")
    try:
        await process.stdin.drain()
    except ConnectionError:
        # It died before it could read; why is told by its exit status and its log, which are looked at next.
        return


async def _address(process: Process, log_file: Path) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        report = msgspec.json.decode(line, type=Report)
        match report:
            case Loading():
                continue
            case Ready(address):
                return address
            case Failed(why):
                await process.wait()
                raise EngineFailed(
                    f"The embedded engine could not start: {crash_reason(log_file) or why} Its log is {log_file}."
                )
            case _:
                assert_never(report)
    await process.wait()
    raise EngineFailed(_death_of(process, log_file))


async def _described(
    address: str, trained_tokens: int, api_key: str, process: Process, log_file: Path
) -> EmbeddedEngine:
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=_PROPS_TIMEOUT, raise_for_status=True) as session,
            session.get(f"{address}/props") as response,
        ):
            props = msgspec.json.decode(await response.read(), type=_Props)
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        raise EngineFailed(
            f"The embedded engine started but does not describe itself: {error}. Its log is {log_file}."
        ) from error
    template = props.chat_template_caps
    return EmbeddedEngine(
        base_url=address,
        api_key=api_key,
        model_name=props.model_alias,
        context_tokens=props.default_generation_settings.n_ctx,
        trained_tokens=trained_tokens,
        slots=props.total_slots,
        supports_tools=template.supports_tools and template.supports_tool_calls,
        log_file=log_file,
        process=process,
    )


async def stop(process: Process, within_seconds: float = _SECONDS_TO_STOP) -> None:
    """End a process: it is asked to, and killed if it has not done so in time."""
    try:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(within_seconds):
                await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    finally:
        if process.returncode is None:  # we were cancelled while it was ending
            process.kill()


def _death_of(process: Process, log_file: Path) -> str:
    status = process.returncode
    assert status is not None
    how = _signal(-status) if status < 0 else f"it ended with status {status}"
    said = crash_reason(log_file)
    return f"The embedded engine died: {how}. {f'It said: {said} ' if said else ''}Its log is {log_file}."


def _signal(number: int) -> str:
    match number:
        case signal.SIGKILL:
            return "it was killed (SIGKILL), as happens when memory runs out: try a smaller model or context"
        case signal.SIGSEGV | signal.SIGABRT | signal.SIGBUS | signal.SIGFPE | signal.SIGILL:
            return f"it crashed ({signal.Signals(number).name})"
        case _:
            return f"it was ended by a signal ({signal.strsignal(number) or number})"
