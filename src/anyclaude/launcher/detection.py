"""Finds the servers of a run: the one that was chosen, else one that runs on this machine, else none; and fallbacks."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.backends.obstacle import GENERAL_KEY_VARIABLE, SILENT, Reason
from anyclaude.errors import InvalidSetting, ServerUnusable, SetupError
from anyclaude.network import parse_address
from anyclaude.profiles import PROFILES, BackendProfile
from anyclaude.secret import Secret
from anyclaude.settings import AUTO, Fallback, Settings

from .candidate import LOADING_SECONDS, QUESTION_SECONDS, Say, Wanted
from .last_server import LastServer
from .present_target import NO_MODEL, described_target, expected_target, found_target, present_target, same_target
from .search import search

AskAgain: TypeAlias = Callable[[BackendTarget], Awaitable[BackendTarget]]
"""Returns what a server runs now, of which this was known; raises `SetupError` if it cannot be used."""


MAY_PASS: frozenset[str] = SILENT | {"loading", "error", NO_MODEL}
"""What may be over when a server, or the proxy before it, has started.  What is left, such as a key that is refused or
a certificate, only another setting mends, and settings are read once."""

ALL_REASONS: frozenset[str] = frozenset({*get_args(Reason), NO_MODEL})
"""A fallback is awaited whatever the reason is: without it, the run is as it would be."""


class FoundServer(Struct, frozen=True):
    """A server of the run, or one that is awaited, and how it is asked again what it runs."""

    target: BackendTarget
    ask_again: AskAgain


def _silent(text: str) -> None:
    """Say nothing."""


async def find_target(
    settings: Settings,
    profiles: tuple[BackendProfile, ...] = PROFILES,
    say: Say = _silent,
    loading_seconds: float = LOADING_SECONDS,
) -> BackendTarget | None:
    """Return the server of this run as `find_server` does, or `None` for the embedded engine."""
    found = await find_server(settings, profiles, say, loading_seconds)
    return None if found is None else found.target


async def find_server(
    settings: Settings,
    profiles: tuple[BackendProfile, ...] = PROFILES,
    say: Say = _silent,
    loading_seconds: float = LOADING_SECONDS,
    *,
    awaits: bool = False,
    last: LastServer | None = None,
) -> FoundServer | None:
    """
    Return the server of this run, or `None` for the embedded engine.

    A server that is loading its model is waited for, at most `loading_seconds`.  `say` gets a line meanwhile, and one
    for each server that was found and cannot be used unasked.  With `awaits`, one that cannot be used for a reason that
    may pass is returned as one to be awaited.  `last` is the server of the session that is continued, which is used if
    none is named and it answers.

    Raises `ServerUnusable` if a chosen server does not answer as one, and `InvalidSetting` if the user has to say more.
    """
    if settings.mode == "embedded" or (_is_open(settings) and not is_searched(settings)):
        return None
    wanted, awaited_reasons = wanted_server(settings, say, loading_seconds), MAY_PASS if awaits else frozenset()
    if not is_searched(settings):
        return await _found_or_awaited(wanted, profiles, awaited_reasons)
    if last is not None and (same := await _same_again(last, wanted, profiles)) is not None:
        return same
    if (found := await search(wanted, profiles)) is None:
        return None
    pinned = found.wanted
    if found.facts is None:
        return await _found_or_awaited(pinned, profiles, awaited_reasons)
    return _followed(pinned, await described_target(found.backend, pinned, found.facts, is_checked=True), profiles)


async def find_fallbacks(settings: Settings, say: Say) -> tuple[FoundServer, ...]:
    """
    Return the servers to use if the first one fails; one that cannot be used yet is awaited, and `say` says why.

    Raises:
        InvalidSetting: when one is not described well enough to be asked.
    """
    found: list[FoundServer] = []
    for fallback in settings.fallbacks:
        if fallback.mode is None and fallback.url is None:
            raise InvalidSetting("a fallback names neither a kind of server nor an address")
        server = await _found_or_awaited(wanted_fallback(fallback, settings), PROFILES, ALL_REASONS)
        if server.target.awaited_because is not None:
            say(f"anyclaude: the fallback is used as soon as it answers: {server.target.awaited_because}.")
        for note in server.target.notes:
            say(f"anyclaude: {note.removesuffix('.')}.")
        found.append(server)
    return tuple(found)


def is_searched(settings: Settings) -> bool:
    """Return whether the user names neither a server nor a model that only the embedded engine takes."""
    return _is_open(settings) and not names_a_file(settings.model)


def names_a_file(model: str | None) -> bool:
    """Return whether a model is a file of weights, which only the embedded engine takes."""
    return model is not None and (model.endswith(".gguf") or Path(model).expanduser().is_file())


def _is_open(settings: Settings) -> bool:
    return settings.mode == AUTO and settings.backend_url is None


async def _found_or_awaited(
    wanted: Wanted, profiles: tuple[BackendProfile, ...], awaited_reasons: frozenset[str]
) -> FoundServer:
    """Return the server as it answers; one that is awaited is asked once, and waited for by the gateway."""
    if wanted.url is not None:
        parse_address(wanted.url)  # a malformed address will not become better
    try:
        target = await found_target(_asked_once(wanted) if awaited_reasons else wanted, profiles)
    except ServerUnusable as error:
        if error.reason not in awaited_reasons:
            hint = ". Start again when it is loaded" if error.reason == "loading" else ""
            raise ServerUnusable(f"{error}{hint}", error.reason) from error
        target = expected_target(wanted, str(error), profiles)
    return _followed(wanted, target, profiles)


async def _same_again(last: LastServer, wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> FoundServer | None:
    """Return the server of the session that is continued, `None` if it cannot be used: then `wanted.say` says why."""
    pinned = replace(wanted, mode=last.kind, url=last.url)
    try:
        target = await same_target(pinned, last.model, profiles)
    except SetupError as error:
        wanted.say(f"anyclaude: this session's last server cannot be used, so another one is looked for: {error}.")
        return None
    return _followed(pinned, target, profiles)


def _followed(wanted: Wanted, target: BackendTarget, profiles: tuple[BackendProfile, ...]) -> FoundServer:
    later = replace(_asked_once(wanted), say=_silent)

    async def ask_again(known: BackendTarget) -> BackendTarget:
        return await present_target(later, known, profiles)

    return FoundServer(target, ask_again)


def _asked_once(wanted: Wanted) -> Wanted:
    """Return a description of a server that is not waited for, whether it loads its model or is slow."""
    return replace(wanted, loading_seconds=0, is_patient=False)


def wanted_server(settings: Settings, say: Say, loading_seconds: float) -> Wanted:
    """Return the first server of the run as the user described it."""
    return Wanted(
        mode=settings.mode,
        url=settings.backend_url,
        model=settings.model,
        key=settings.api_key,
        key_for=settings.key_for,
        network=settings.network,
        say=say,
        loading_seconds=loading_seconds,
        question_seconds=QUESTION_SECONDS,
        models=settings.models,
        context_tokens=settings.context_tokens,
        parallel_requests=settings.parallel_requests,
    )


def wanted_fallback(fallback: Fallback, settings: Settings) -> Wanted:
    """Return a fallback as the user described it."""
    own_key = settings.keys.get(fallback.api_key_variable) if fallback.api_key_variable else None

    def key_for(profile: BackendProfile) -> Secret | None:
        """Return the fallback's own key; it never gets the one of the first server, which is also that of `generic`."""
        if fallback.api_key_variable or profile.api_key_variable == GENERAL_KEY_VARIABLE:
            return own_key
        return settings.keys.get(profile.api_key_variable or "")

    return Wanted(
        mode=fallback.mode or AUTO,
        url=fallback.url,
        model=fallback.model,
        key=own_key,
        key_for=key_for,
        network=settings.network,
        say=_silent,
        loading_seconds=LOADING_SECONDS,
        is_fallback=True,
    )
