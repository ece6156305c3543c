"""Finds the server of a run: the one that was chosen, else the first known kind that answers on loopback, else none."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import (
    Backend,
    BackendTarget,
    Identity,
    Network,
    Obstacle,
    ServerFacts,
    ask_facts,
    first_obstacle,
    fitted_to_template,
    identify,
    parse_address,
)
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.profiles import PROFILES, BackendName, BackendProfile, profile_named
from anyclaude.secret import Secret
from anyclaude.settings import Fallback, Mode, Settings

DETECTION_SECONDS = 0.5
"""A server on loopback answers these small questions within milliseconds; one that is computing may take longer."""

QUESTION_SECONDS = 5.0
"""For a server that was chosen, which may be far away, or busy."""

LOADING_SECONDS = 600.0
"""How long a server that is loading its model is waited for: a large one from a slow disk takes minutes."""

LOADING_PAUSE_SECONDS = 0.5
PROGRESS_SECONDS = 15.0
"""How often the wait is shown again: the user should see that something still happens."""

Say = Callable[[str], None]
T = TypeVar("T")


class Wanted(Struct, frozen=True, kw_only=True):
    """
    One server as the user described it; without a kind and an address it is searched for.

    `key` is the one for this server, of whatever kind it is; `key_for` also knows the keys of the kinds, which only a
    server of that kind may get.
    """

    mode: Mode | None
    url: str | None
    model: str | None
    key: Secret | None
    key_for: Callable[[BackendProfile], Secret | None]
    network: Network
    say: Say


def _silent(text: str) -> None:
    """Say nothing."""


async def find_target(
    settings: Settings, profiles: tuple[BackendProfile, ...] = PROFILES, say: Say = _silent
) -> BackendTarget | None:
    """
    Return the server of this run, or `None` for the embedded engine; `say` gets a line while a model is being loaded.

    Raises `ServerUnusable` if a chosen server does not answer as one, `InvalidSetting` if it does not report a model.
    """
    is_open = settings.mode is None and settings.backend_url is None
    if settings.mode == "embedded" or (is_open and names_a_file(settings.model)):
        return None
    wanted = Wanted(
        mode=settings.mode,
        url=settings.backend_url,
        model=settings.model,
        key=settings.api_key,
        key_for=settings.key_for,
        network=settings.network,
        say=say,
    )
    found = await _identified(wanted, profiles)
    return None if found is None else _with_choices(await _target(found.target, settings.model), settings)


async def find_fallbacks(settings: Settings, say: Say) -> tuple[BackendTarget, ...]:
    """Return the servers to use if the first one fails; one that is down now is kept if its model is set."""
    targets: list[BackendTarget] = []
    for fallback in settings.fallbacks:
        try:
            targets.append(await _fallback(fallback, settings))
        except ServerUnusable as error:
            say(f"anyclaude: {error}. No model is set for it, so it is no fallback.")
    return tuple(targets)


def names_a_file(model: str | None) -> bool:
    """Return whether a model is a file of weights, which only the embedded engine takes."""
    return model is not None and (model.endswith(".gguf") or Path(model).expanduser().is_file())


async def _identified(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend | None:
    """Return the server that answers; `None` if none does and none was chosen."""
    if wanted.mode is not None:
        profile = profile_named(_backend(wanted.mode))
        return await _usable(_candidate(profile, wanted.url or profile.base_url, wanted, knows_kind=True), wanted)
    if wanted.url is not None:
        profile = await _kind_of(wanted.url, wanted, profiles) or profile_named("generic")
        return await _usable(_candidate(profile, wanted.url, wanted, knows_kind=True), wanted)
    return await _first_that_answers(wanted, profiles)


async def _usable(backend: Backend, wanted: Wanted) -> Backend:
    """Return a server of a known kind once it can be used; a list of models is needed only if none is named."""
    obstacle = await _when_loaded(backend.target, lambda: first_obstacle(backend, QUESTION_SECONDS), wanted.say)
    if obstacle is None:
        return backend
    if obstacle.reason != "not_found":
        raise ServerUnusable(obstacle.sentence, obstacle.reason)
    if wanted.model is None:
        raise InvalidSetting(f"{obstacle.sentence}. If it is right, name a model with --model")
    return backend


async def _when_loaded(
    target: BackendTarget, ask: Callable[[], Awaitable[Obstacle | None]], say: Say
) -> Obstacle | None:
    """Return what keeps a server from being used other than that it is loading its model, which is waited for."""
    clock = asyncio.get_running_loop().time
    begun = shown = clock()
    while (obstacle := await ask()) is not None and obstacle.reason == "loading" and clock() - begun < LOADING_SECONDS:
        if shown == begun or clock() - shown >= PROGRESS_SECONDS:
            shown = clock()
            so_far = f" ({shown - begun:.0f} s)" if shown - begun > 1 else ""
            say(f"anyclaude: {target.profile.title} at {target.address} is loading its model; waiting for it{so_far}.")
        await asyncio.sleep(LOADING_PAUSE_SECONDS)
    return obstacle


async def _kind_of(url: str, wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> BackendProfile | None:
    """Return the kind of the server at an address, `None` for one that says nothing of itself."""
    candidates = [_candidate(profile, url, wanted) for profile in profiles if profile.identity_path]
    found = await _first(candidates, QUESTION_SECONDS)
    return found.target.profile if found else None


async def _first_that_answers(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend | None:
    local = [profile for profile in profiles if profile.identity_path and not profile.is_remote]
    found = await _first([_candidate(profile, profile.base_url, wanted) for profile in local], DETECTION_SECONDS)
    if found is None:
        return None
    profile = found.target.profile
    return await _usable(_candidate(profile, profile.base_url, wanted, knows_kind=True), wanted)


async def _first(candidates: list[Backend], within_seconds: float) -> Backend | None:
    """Query all concurrently, and return the first in their order that is of its kind, even if it still loads."""
    identities: list[Identity] = await asyncio.gather(
        *(identify(candidate, within_seconds) for candidate in candidates)
    )
    found = (one for one, identity in zip(candidates, identities, strict=True) if identity in {"yes", "loading"})
    return next(found, None)


def _candidate(profile: BackendProfile, url: str, wanted: Wanted, *, knows_kind: bool = False) -> Backend:
    """Return a server that may be of this kind, without a model; it gets the kind's key only if it is of that kind."""
    address = parse_address(url)
    return StdlibBackend(
        BackendTarget(
            profile=profile,
            base_url=address.written,
            model="",
            api_key=wanted.key_for(profile) if knows_kind else wanted.key,
            route=wanted.network.route_to(address),
        )
    )


async def _target(found: BackendTarget, model: str | None) -> BackendTarget:
    facts = await ask_facts(StdlibBackend(found), QUESTION_SECONDS, model)
    profile = found.profile
    if model is None and profile.is_remote:
        raise InvalidSetting(f"{profile.title} has {len(facts.models)} models; name one with --model")
    chosen = model or facts.default_model
    if chosen is None:
        raise InvalidSetting(
            f"{profile.title} at {found.address} reports no model that can chat; name one with --model"
        )
    return await fitted_to_template(StdlibBackend(_described(found, chosen, facts)))


def _described(found: BackendTarget, model: str, facts: ServerFacts) -> BackendTarget:
    """Return the target with what the server reports."""
    profile = found.profile
    return replace(
        found,
        profile=replace(profile, accepts_images=profile.accepts_images and facts.sees_images is not False),
        model=model,
        context_tokens=facts.context_tokens,
        parallel_requests=facts.parallel_requests or profile.parallel_requests,
        version=facts.version,
        is_router=facts.is_router,
        notes=(facts.note,) if facts.note else (),
    )


def _with_choices(target: BackendTarget, settings: Settings) -> BackendTarget:
    """Return the target with the settings, which win over the facts that the server reports."""
    return replace(
        target,
        models=settings.models,
        context_tokens=settings.context_tokens or target.context_tokens,
        parallel_requests=settings.parallel_requests or target.parallel_requests,
    )


async def _fallback(fallback: Fallback, settings: Settings) -> BackendTarget:
    """Return a fallback as it answers, or from the settings alone if it may be started later."""
    own_key = settings.keys.get(fallback.api_key_variable) if fallback.api_key_variable else None

    def key_for(profile: BackendProfile) -> Secret | None:
        """Return the fallback's own key; it never gets the one that was set for the first server."""
        return own_key if fallback.api_key_variable else settings.keys.get(profile.api_key_variable or "")

    wanted = Wanted(
        mode=fallback.mode,
        url=fallback.url,
        model=fallback.model,
        key=own_key,
        key_for=key_for,
        network=settings.network,
        say=_silent,
    )
    try:
        found = await _identified(wanted, PROFILES)
    except ServerUnusable:
        if fallback.model is None:
            raise
        profile = profile_named(_backend(fallback.mode) if fallback.mode else "generic")
        described = _candidate(profile, fallback.url or profile.base_url, wanted, knows_kind=True)
        return replace(described.target, model=fallback.model)
    if found is None:
        raise ServerUnusable("a fallback names neither a kind of server nor an address", "unreachable")
    return await _target(found.target, fallback.model)


def _backend(mode: Mode) -> BackendName:
    if mode in {"claude", "embedded"}:
        raise InvalidSetting(f"mode {mode} is not a server with an address")
    return mode
