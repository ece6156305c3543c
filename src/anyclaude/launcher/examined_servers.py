"""The user's own servers as they run: which of the flags that would help them they have, as far as they tell."""

import asyncio
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import Backend, BackendTarget, ask_facts, first_obstacle, query_or_none
from anyclaude.dialects import WireRequest
from anyclaude.errors import SetupError
from anyclaude.network import parse_address
from anyclaude.profiles import (
    PROFILES,
    SERVER_FLAGS,
    BackendProfile,
    FlagState,
    ServerFlag,
    flag_state,
    has_flag,
    profile_named,
)
from anyclaude.settings import AUTO, Fallback, Settings

from .candidate import QUESTION_SECONDS, Say, Wanted, candidate, kind_at
from .detection import wanted_fallback, wanted_server
from .search import known_servers


class ExaminedFlag(Struct, frozen=True):
    """A flag of a server's kind, and what the server tells of it."""

    flag: ServerFlag
    state: FlagState
    value: str = ""


class ExaminedServer(Struct, frozen=True):
    """A server, its version if it tells that, and the flags that it could have."""

    target: BackendTarget
    version: str | None
    release: str
    """The release whose flags are known; empty if none are."""
    flags: tuple[ExaminedFlag, ...] = ()
    is_older: bool = False
    """Whether it is too old for some of them."""


async def examined_servers(
    settings: Settings, named: str | None, say: Say, profiles: tuple[BackendProfile, ...] = PROFILES
) -> list[ExaminedServer]:
    """
    Return the server at an address, else those of the settings, else those at the usual addresses.

    `say` gets a sentence about each that cannot be asked.
    """
    wanted = _wanted_at(named, settings, say) if named is not None else tuple(_wanted_servers(settings, say))
    found: list[Backend] = []
    for one in wanted:
        try:
            found += await _present(one, profiles)
        except SetupError as error:
            say(str(error))
    examined = await asyncio.gather(*(_examined(backend, say) for backend in found))
    return [one for one in examined if one is not None]


def _wanted_at(address: str, settings: Settings, say: Say) -> tuple[Wanted, ...]:
    """Return the server at an address; the key of the run's server is not for another one, as for a fallback."""
    configured = settings.backend_url
    if configured is not None and parse_address(configured).shown == parse_address(address).shown:
        return (wanted_server(settings, say, 0),)
    return (replace(wanted_fallback(Fallback(url=address), settings), is_fallback=False),)


def _wanted_servers(settings: Settings, say: Say) -> Iterator[Wanted]:
    if settings.mode not in {"embedded", "claude"}:
        yield wanted_server(settings, say, 0)
    for fallback in settings.fallbacks:
        yield wanted_fallback(fallback, settings)


async def _present(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> tuple[Backend, ...]:
    """Return the servers that were described; raises `SetupError` where there is none."""
    if wanted.url is None:
        kinds = profiles if wanted.mode == AUTO else (profile_named(wanted.mode, profiles),)
        return await known_servers(wanted, kinds)
    is_open = wanted.mode == AUTO
    kind = await kind_at(wanted.url, wanted, profiles) if is_open else profile_named(wanted.mode, profiles)
    return (candidate(kind, wanted.url, wanted, knows_kind=True),)


async def _examined(backend: Backend, say: Say) -> ExaminedServer | None:
    if (obstacle := await first_obstacle(backend, QUESTION_SECONDS)) is not None and obstacle.reason != "not_found":
        say(obstacle.sentence)
        return None
    version = (await ask_facts(backend, QUESTION_SECONDS, None)).version
    known = SERVER_FLAGS.get(backend.target.profile.name)
    if known is None:
        return ExaminedServer(backend.target, version, "")
    flags = tuple(flag for flag in known.flags if has_flag(flag, version))
    answers = await _answers(backend, {flag.told.path for flag in flags if flag.told})
    return ExaminedServer(
        backend.target,
        version,
        known.release,
        tuple(
            ExaminedFlag(flag, *flag_state(flag, answers.get(flag.told.path) if flag.told else None)) for flag in flags
        ),
        is_older=len(flags) < len(known.flags),
    )


async def _answers(backend: Backend, paths: set[str]) -> dict[str, str | None]:
    """Return what a server answers at each path from its root, `None` where it answers nothing of use."""
    questions = (WireRequest(path, accept="*/*", at_root=True, method="GET") for path in paths)
    replies = await asyncio.gather(*(query_or_none(backend, question, QUESTION_SECONDS) for question in questions))
    return {
        path: None if reply is None else reply.decode(errors="replace")
        for path, reply in zip(paths, replies, strict=True)
    }
