"""The embedded engine, seen from the process that starts it, monitors it and always stops it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, assert_never

import aiohttp
import msgspec
from msgspec import structs

from anyclaude.errors import EngineFailed
from anyclaude.secret import without_secrets
from anyclaude.storage import make_private_folder, remove_all_but_newest

from .chat_templates import chat_template_for
from .crash_reason import crash_reason
from .devices import Device
from .gguf import GgufMetadata, read_metadata, weights_bytes
from .handshake import Devices, Failed, Loading, Ready, Report, Start
from .machine import memory_bytes, usable_cores
from .options import EngineOptions
from .placement import Placement, computed_on, place, trained_tokens
from .progress import Progress
from .sampling import sampling_for
from .speculation import OFF, SHORT, draft_model_beside, has_prediction_heads

# SIGTERM ends the process immediately, by default; only a kernel that is busy freeing its memory takes longer.
_SECONDS_TO_STOP = 2.0
# /props only reads memory, and the engine has just reported that it listens.
_PROPS_TIMEOUT = aiohttp.ClientTimeout(total=30)
# Enough for the sessions of a day; a log grows by a few kilobytes per request.
_LOGS_KEPT = 10
# The threads of GNU OpenMP spin while they wait for each other, by default long enough to starve the engine itself on a
# busy machine.  SmolLM2 on two cores, generated tokens per second, medians of 10 runs or more: by default 130 alone and
# 10 beside other processes, with 1000 spins 130 and 27, with no spinning 34 and 37.
_SPIN_BRIEFLY = MappingProxyType({"GOMP_SPINCOUNT": "1000"})
_NEW_PROCESS_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


@dataclass(frozen=True)
class EmbeddedEngine:
    """A running engine that listens on loopback and answers only requests with its key."""

    base_url: str
    api_key: str = field(repr=False)
    model_name: str
    context_tokens: int
    trained_tokens: int
    """The context the model was trained for; `context_tokens` is smaller where memory or the user limits it."""
    slots: int
    supports_tools: bool
    devices: tuple[Device, ...]
    """All on which its library could compute."""
    computed_on: str
    """Which of them compute, in words."""
    log_file: Path
    process: Process

    async def wait(self) -> NoReturn:
        """
        Wait until the engine's process ends.

        Raises:
            EngineFailed: with the reason, when the process has ended.
        """
        await self.process.wait()
        raise EngineFailed(_end_message(self.process, self.log_file))


ENGINE_COMMAND = (
    sys.executable,
    "-P",  # otherwise a module in the user's project could be imported instead of ours
    *("-m", "anyclaude.engine"),
)
"""Runs the engine's process."""


@asynccontextmanager
async def start_engine(
    model_file: Path,
    log_folder: Path,
    progress: Progress,
    *,
    api_key: str,
    options: EngineOptions,
    command: Sequence[str] = ENGINE_COMMAND,
) -> AsyncIterator[EmbeddedEngine]:
    """
    Run the model in a separate process for the duration of the context; it never outlives the context or this process.

    If the layers do not fit on the graphics cards as calculated, a second process is started, which fits them by trying
    allocations: that takes seconds.

    Raises `EngineFailed`, with the engine's own error message, if the file is not a model or the engine does not start.
    """
    model = await asyncio.to_thread(read_metadata, model_file)
    async with AsyncExitStack() as stack:
        begin = partial(_engine_process, log_folder, command)
        running = await stack.enter_async_context(begin())
        progress.started(f"Loading {model_file.name}", None)
        try:
            devices = await _first_report(running)
            placement = await asyncio.to_thread(placement_on, devices, model, model_file, options)
            start = await asyncio.to_thread(_start_message, model, model_file, api_key, options, placement)
            try:
                address = await _load(running, start)
            except _LayersRefused:
                running = await stack.enter_async_context(begin())
                await _first_report(running)
                start = _with_fitted_layers(start)
                address = await _load(running, start)
            props = await _props(address, api_key, running.log_file)
        finally:
            progress.finished()
        yield EmbeddedEngine(
            base_url=address,
            api_key=api_key,
            model_name=props.model_alias,
            context_tokens=props.default_generation_settings.n_ctx,
            trained_tokens=trained_tokens(model),
            slots=props.total_slots,
            supports_tools=props.chat_template_caps.calls_tools,
            devices=devices,
            computed_on=computed_on(devices, start.options.gpu_layers, model.layers, options.threads or usable_cores()),
            log_file=running.log_file,
            process=running.process,
        )


async def ask_devices(log_folder: Path) -> tuple[Device, ...]:
    """
    Return the devices on which the engine's library could compute; no model is loaded.

    Raises:
        EngineFailed: when the library cannot be loaded.
    """
    async with _engine_process(log_folder, ENGINE_COMMAND) as running:
        devices = await _first_report(running)
    await asyncio.to_thread(running.log_file.unlink, missing_ok=True)  # else it would displace one that is worth more
    return devices


def placement_on(
    devices: tuple[Device, ...], model: GgufMetadata, model_file: Path, options: EngineOptions
) -> Placement:
    """Return the layout of a model in a file on this machine."""
    return place(model, weights_bytes(model_file), memory_bytes(), devices, options)


@dataclass(frozen=True)
class _Running:
    """The engine's process, and its log."""

    process: Process
    log_file: Path


class _LayersRefused(EngineFailed):
    """A model with layers on graphics cards could not be loaded: less fits there than was calculated."""


@asynccontextmanager
async def _engine_process(log_folder: Path, command: Sequence[str]) -> AsyncIterator[_Running]:
    """Run the engine's process for the duration of the context; it waits for its `Start` line."""
    log_file = await asyncio.to_thread(_open_log, log_folder)
    process = await _spawn(command, log_file)
    try:
        yield _Running(process, log_file)
    finally:
        await stop(process)


class _GenerationSettings(msgspec.Struct, frozen=True):
    n_ctx: int


class _TemplateCapabilities(msgspec.Struct, frozen=True):
    supports_tools: bool = False
    supports_tool_calls: bool = False

    @property
    def calls_tools(self) -> bool:
        return self.supports_tools and self.supports_tool_calls


class _Props(msgspec.Struct, frozen=True):
    """The fields that are read of llama.cpp's /props."""

    total_slots: int
    model_alias: str
    default_generation_settings: _GenerationSettings
    chat_template_caps: _TemplateCapabilities


def _open_log(folder: Path) -> Path:
    try:
        make_private_folder(folder)
        remove_all_but_newest(folder, "engine-*.log", _LOGS_KEPT - 1)
        descriptor, name = tempfile.mkstemp(prefix="engine-", suffix=".log", dir=folder)
    except OSError as error:
        raise EngineFailed(
            f"The engine's log cannot be written to {folder}: {error.strerror}. ANYCLAUDE_LOG_DIR names another folder"
        ) from error
    os.close(descriptor)
    return Path(name)


async def _spawn(command: Sequence[str], log_file: Path) -> Process:
    with log_file.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            env={**_SPIN_BRIEFLY, **without_secrets(os.environ)},  # the user's own value wins; the engine needs no key
            start_new_session=True,  # Ctrl-C in the terminal is for the client, not for the engine
            creationflags=_NEW_PROCESS_GROUP,  # the same for Windows
        )


def _start_message(
    model: GgufMetadata, model_file: Path, api_key: str, options: EngineOptions, placement: Placement
) -> Start:
    speculation = options.speculation or (SHORT if options.draft_model is not None else OFF)
    is_drafting = speculation != OFF
    draft = draft_model_beside(model_file.absolute()) if is_drafting and options.draft_model is None else None
    return Start(
        model_file=str(model_file.absolute()),
        model_name=model_file.stem,
        context_tokens=placement.context_tokens,
        api_key=api_key,
        suitable_sampling=sampling_for(model),
        has_prediction_heads=is_drafting and has_prediction_heads(model),
        found_draft_model=None if draft is None else str(draft),
        options=replace(
            options,
            chat_template=options.chat_template or chat_template_for(model),
            cache_ram_mib=placement.cache_ram_mib,
            gpu_layers=placement.gpu_layers,
            speculation=speculation,
        ),
    )


def _with_fitted_layers(start: Start) -> Start:
    return structs.replace(start, options=replace(start.options, gpu_layers=None))


async def _load(running: _Running, start: Start) -> str:
    """Return the address at which the engine listens when it has loaded the model."""
    await _send(running.process, start)
    try:
        return await _wait_until_ready(running.process, running.log_file)
    except EngineFailed as error:
        if start.options.gpu_layers:
            raise _LayersRefused(str(error)) from error
        raise


async def _send(process: Process, start: Start) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(start) + b"\n")
    try:
        await process.stdin.drain()
    except ConnectionError:
        # The process died before it could read; the caller then finds the reason in its exit status and its log.
        return


async def _first_report(running: _Running) -> tuple[Device, ...]:
    process = running.process
    assert process.stdout is not None
    if line := await process.stdout.readline():
        return msgspec.json.decode(line, type=Devices).devices
    await process.wait()
    raise EngineFailed(_end_message(process, running.log_file))


async def _wait_until_ready(process: Process, log_file: Path) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        report = msgspec.json.decode(line, type=Report)
        match report:
            case Devices() | Loading():
                continue
            case Ready(address):
                return address
            case Failed(reason):
                await process.wait()
                raise EngineFailed(
                    f"The embedded engine could not start: {crash_reason(log_file) or reason} Its log is {log_file}."
                )
            case _:
                assert_never(report)
    await process.wait()
    raise EngineFailed(_end_message(process, log_file))


async def _props(address: str, api_key: str, log_file: Path) -> _Props:
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=_PROPS_TIMEOUT, raise_for_status=True) as session,
            session.get(f"{address}/props") as response,
        ):
            return msgspec.json.decode(await response.read(), type=_Props)
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
        raise EngineFailed(
            f"The embedded engine started, but its properties could not be read: {error}. Its log is {log_file}."
        ) from error


async def stop(process: Process, within_seconds: float = _SECONDS_TO_STOP) -> None:
    """End a process with SIGTERM, and with SIGKILL if it has not ended in time."""
    try:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(within_seconds):
                await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    finally:
        if process.returncode is None:  # cancelled during the wait
            process.kill()


def _end_message(process: Process, log_file: Path) -> str:
    status = process.returncode
    assert status is not None
    how = _signal_message(-status) if status < 0 else f"it ended with status {status}"
    reason = crash_reason(log_file)
    return f"The embedded engine died: {how}. {f'It reported: {reason} ' if reason else ''}Its log is {log_file}."


def _signal_message(number: int) -> str:
    match _signal_name(number):  # by name, because Windows does not have all of these
        case "SIGKILL":
            return "it was killed (SIGKILL), as happens when memory runs out: try a smaller model or context"
        case "SIGSEGV" | "SIGABRT" | "SIGBUS" | "SIGFPE" | "SIGILL" as name:
            return f"it crashed ({name})"
        case _:
            return f"it was ended by a signal ({signal.strsignal(number) or number})"


def _signal_name(number: int) -> str:
    return next((known.name for known in signal.Signals if known == number), "")
