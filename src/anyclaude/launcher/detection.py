"""Finds the server of a run: the one that was chosen, else one that runs on this machine, else none."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from anyclaude.backends import (
    Backend,
    BackendTarget,
    Obstacle,
    ServerFacts,
    ask_facts,
    first_obstacle,
    fitted_to_template,
    identify,
)
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.profiles import PROFILES, BackendProfile, profile_named
from anyclaude.secret import Secret
from anyclaude.settings import AUTO, Fallback, Mode, Settings

from .candidate import LOADING_SECONDS, QUESTION_SECONDS, Say, Wanted, candidate, kind_at, usable
from .search import search


def _silent(text: str) -> None:
    """Say nothing."""


async def find_target(
    settings: Settings,
    profiles: tuple[BackendProfile, ...] = PROFILES,
    say: Say = _silent,
    loading_seconds: float = LOADING_SECONDS,
) -> BackendTarget | None:
    """
    Return the server of this run, or `None` for the embedded engine.

    A server that is loading its model is waited for, at most `loading_seconds`.  `say` gets a line meanwhile, and one
    for each server that was found and cannot be used unasked.

    Raises `ServerUnusable` if a chosen server does not answer as one, `InvalidSetting` if it does not report a model.
    """
    if settings.mode == "embedded" or (_is_open(settings) and not is_searched(settings)):
        return None
    wanted = Wanted(
        mode=settings.mode,
        url=settings.backend_url,
        model=settings.model,
        key=settings.api_key,
        key_for=settings.key_for,
        network=settings.network,
        say=say,
        loading_seconds=loading_seconds,
    )
    if not is_searched(settings):
        backend, facts = await _chosen(wanted, profiles), None
    elif (found := await search(wanted, profiles)) is None:
        return None
    else:
        facts = found.facts
        backend = found.backend if facts is not None else await usable(found.backend, wanted)
    return _with_choices(await _target(backend, settings.model, facts), settings)


async def find_fallbacks(settings: Settings, say: Say) -> tuple[BackendTarget, ...]:
    """Return the servers to use if the first one fails; one that is down now is kept if its model is set."""
    targets: list[BackendTarget] = []
    for fallback in settings.fallbacks:
        try:
            targets.append(await _fallback(fallback, settings))
        except ServerUnusable as error:
            say(f"anyclaude: {error}. No model is set for it, so it is no fallback.")
    return tuple(targets)


def is_searched(settings: Settings) -> bool:
    """Return whether the user names neither a server nor a model that only the embedded engine takes."""
    return _is_open(settings) and not names_a_file(settings.model)


def names_a_file(model: str | None) -> bool:
    """Return whether a model is a file of weights, which only the embedded engine takes."""
    return model is not None and (model.endswith(".gguf") or Path(model).expanduser().is_file())


def _is_open(settings: Settings) -> bool:
    return settings.mode == AUTO and settings.backend_url is None


async def _chosen(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend:
    """Return the server that the user described, by its kind or by its address, once it can be used."""
    if wanted.url is None:
        return await _at_usual_address(_profile(wanted.mode, profiles), wanted)
    kind = await kind_at(wanted.url, wanted, profiles) if wanted.mode == AUTO else _profile(wanted.mode, profiles)
    return await usable(candidate(kind, wanted.url, wanted, knows_kind=True), wanted)


async def _at_usual_address(profile: BackendProfile, wanted: Wanted) -> Backend:
    """Return the server of a kind at the first of its usual addresses where one is, or answers at all."""
    backends = [candidate(profile, url, wanted, knows_kind=True) for url in profile.usual_urls]
    if len(backends) == 1:
        return await usable(backends[0], wanted)
    obstacles, identities = await asyncio.gather(
        asyncio.gather(*(first_obstacle(backend, QUESTION_SECONDS) for backend in backends)),
        asyncio.gather(*(identify(backend, QUESTION_SECONDS) for backend in backends)),
    )
    answering = [not (obstacle and obstacle.is_silence) for obstacle in obstacles]
    if not any(answering):
        raise _silent_everywhere(backends, obstacles)
    ranks = [(not answers, identity == "no") for answers, identity in zip(answering, identities, strict=True)]
    return await usable(backends[ranks.index(min(ranks))], wanted)


def _silent_everywhere(backends: list[Backend], obstacles: list[Obstacle | None]) -> ServerUnusable:
    addresses = [backend.target.address for backend in backends]
    silent = next(obstacle for obstacle in obstacles if obstacle is not None)
    return ServerUnusable(silent.sentence.replace(addresses[0], " and ".join(addresses), 1), silent.reason)


async def _target(backend: Backend, model: str | None, known: ServerFacts | None = None) -> BackendTarget:
    """Return a server with its model and what it reports, which is asked for unless it is `known`."""
    facts = known or await ask_facts(backend, QUESTION_SECONDS, model)
    found, profile = backend.target, backend.target.profile
    if model is None and profile.is_remote:
        raise InvalidSetting(f"{profile.title} has {len(facts.models)} models; name one with --model")
    chosen = model or facts.default_model
    if chosen is None:
        obstacle = await first_obstacle(backend, QUESTION_SECONDS)
        why = obstacle.sentence if obstacle else f"{profile.title} at {found.address} reports no model that can chat"
        raise InvalidSetting(f"{why}. If the address is right, name a model with --model")
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
        mode=fallback.mode or AUTO,
        url=fallback.url,
        model=fallback.model,
        key=own_key,
        key_for=key_for,
        network=settings.network,
        say=_silent,
        loading_seconds=LOADING_SECONDS,
    )
    if fallback.mode is None and fallback.url is None:
        raise ServerUnusable("a fallback names neither a kind of server nor an address", "unreachable")
    try:
        backend = await _chosen(wanted, PROFILES)
    except ServerUnusable:
        if fallback.model is None:
            raise
        profile = _profile(fallback.mode, PROFILES) if fallback.mode else profile_named("generic")
        described = candidate(profile, fallback.url or profile.base_url, wanted, knows_kind=True)
        return replace(described.target, model=fallback.model)
    return await _target(backend, fallback.model)


def _profile(mode: Mode, profiles: tuple[BackendProfile, ...]) -> BackendProfile:
    if mode in {"claude", "embedded"}:
        raise InvalidSetting(f"mode {mode} is not a server with an address")
    return profile_named(mode, profiles)
