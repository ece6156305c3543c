"""
What is said about the release of Claude Code that runs: once, when it is not one that anyclaude is tested with.

The release is read from where the program lies.  A program that does not show it there is asked once, and the answer
is remembered with the program's size and time.
"""

import asyncio
import os
import re
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from anyclaude.claude_code import CLIENT_VERSION, OLDEST_VERSION
from anyclaude.storage import write_private

from .finding import Client, Machine
from .in_place import is_script, marked
from .platform_package import PACKAGE

Release: TypeAlias = tuple[int, ...]

ASKING_SECONDS = 5.0
"""`claude --version` takes 0.07 s (2.1.332)."""

REMEMBERED = 32
"""Programs and releases that are remembered, the latest."""

NUMBER = re.compile(r"(?<![\d.])(\d+)\.(\d+)\.(\d+)(?![\d.])")


class Seen(Struct, frozen=True):
    """What the programs that were asked have answered, by path, size and time, and the releases that were told."""

    answers: dict[str, str] = {}
    told: tuple[str, ...] = ()


class Description(Struct, frozen=True):
    """The part of a `package.json` that counts."""

    name: str
    version: str


async def release_note(machine: Machine, client: Client) -> str | None:
    """Return the sentence about a client's release, if there is one and it was not told before."""
    memory = machine.cache / "claude-code" / "seen.json"
    program = Path(client.command[0])
    before = seen = _seen(memory)
    release = release_beside(program)
    if release is None and not is_script(program):  # a script may do anything
        seen, release = await _release_asked(machine, program, seen)
    sentence = None if release is None or release in seen.told else _sentence(release)
    if sentence is not None and release is not None:
        seen = Seen(seen.answers, (*seen.told, release)[-REMEMBERED:])
    if seen != before:
        try:
            write_private(memory, msgspec.json.encode(seen))
        except OSError:
            return None  # it would be said at every launch
    return sentence


def release_beside(program: Path) -> str | None:
    """
    Return the release that npm's description says, or the path.

    These have it: `claude/versions/2.1.332` (the native installer), `claude-code/2.1.332/claude` (Homebrew, and ours),
    `hash-claude-code-2.1.332/bin/claude` (Nix); a version of something else, such as Node, may also stand in it.
    """
    program = program.resolve()
    for folder in program.parents[:2]:
        with suppress(OSError, msgspec.DecodeError):
            described = msgspec.json.decode((folder / "package.json").read_bytes(), type=Description)
            if described.name.startswith(PACKAGE):
                return described.version
    parts = ("", "", *program.parts)
    for near in zip(parts, parts[1:], parts[2:], strict=False):
        number = NUMBER.search(near[2])
        if number and any("claude" in part for part in near):
            return number[0]
    return None


async def _release_asked(machine: Machine, program: Path, seen: Seen) -> tuple[Seen, str | None]:
    """Return the release that the program says, and what is remembered then."""
    key = _identity(program)
    if key not in seen.answers:
        answers = {**seen.answers, key: await _answer(machine, program)}
        seen = Seen(dict(list(answers.items())[-REMEMBERED:]), seen.told)
    number = NUMBER.search(seen.answers[key])
    return seen, number[0] if number else None


def _identity(program: Path) -> str:
    status = program.stat()
    return f"{program}|{status.st_size}|{status.st_mtime_ns}"


async def _answer(machine: Machine, program: Path) -> str:
    """Return what the program says to `--version`; the empty text if it says nothing."""
    environment = marked(machine.environment, str(program), os.getpid())
    try:
        process = await asyncio.create_subprocess_exec(
            *(program, "--version"), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=environment
        )
    except OSError:
        return ""  # the launch will say why it cannot be executed
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            answer, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer.decode(errors="replace").strip()[:100]


def _sentence(release: str) -> str | None:
    number = _number(release)
    if not number:
        return None
    if number > _number(CLIENT_VERSION):
        return (
            f"Claude Code {release} is newer than {CLIENT_VERSION}, the release that anyclaude is tested with; if "
            f"something does not work, put the tested one on the PATH: npm install -g {PACKAGE}@{CLIENT_VERSION}"
        )
    if number < _number(OLDEST_VERSION):
        return (
            f"Claude Code {release} is older than {OLDEST_VERSION}, the oldest release that anyclaude is tested with; "
            "if something does not work, update it: claude update"
        )
    return None


def _number(release: str) -> Release:
    found = NUMBER.search(release)
    return tuple(map(int, found.groups())) if found else ()


def _seen(memory: Path) -> Seen:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=Seen)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Seen()
