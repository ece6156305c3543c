"""
What a server of the run runs at present: when it is looked for, and whenever it may have changed.

What the user set wins over what the server reports.
"""

import asyncio

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
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.settings import AUTO, Mode

from .candidate import QUESTION_SECONDS, Wanted, candidate, hosted_at, kind_at, usable

NO_MODEL = "no_model"
"""The reason of `ServerUnusable` for a server that answers, and has no model that can chat."""


async def found_target(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """
    Return the server that the user described, as it answers.

    Raises:
        InvalidSetting: when its description leaves open what only the user can say.
        ServerUnusable: when it does not answer as a model server, or has no model.
    """
    return await described_target(await _chosen(wanted, profiles), wanted)


def expected_target(wanted: Wanted, because: str, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """Return a server that is not there yet, as far as the user described it; `because` is why it is awaited."""
    if wanted.mode != AUTO:
        kind = _profile(wanted.mode, profiles)
    else:
        kind = hosted_at(wanted.url or "", profiles) or profile_named("generic", profiles)
    backend = candidate(kind, wanted.url or kind.base_url, wanted, knows_kind=True)
    target = replace(backend.target, model=wanted.model or "", awaited_because=because)
    return _as_wanted(target, wanted)


async def present_target(wanted: Wanted, known: BackendTarget, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """
    Return what a server runs now, of which this was known; equal to it if nothing has changed.

    The template is asked for only if the model or the server's version has changed.  What the server does not tell any
    more, such as the window of a model that it has unloaded, stays as it was known.  Raises like `found_target`.
    """
    if known.awaited_because is not None:
        return await found_target(wanted, profiles)
    kind = profile_named(known.profile.name, profiles)
    backend = candidate(kind, known.base_url, wanted, knows_kind=True)
    if wanted.mode == AUTO and kind.identity_path and await identify(backend, QUESTION_SECONDS) == "no":
        return await found_target(wanted, profiles)
    await usable(backend, wanted)
    model = wanted.model or known.model
    facts = await ask_facts(backend, QUESTION_SECONDS, model)
    has_it = wanted.model is not None or facts.default_model is None or model in {*facts.models, facts.default_model}
    if has_it and (facts.version or known.version) == known.version:
        return _with_facts(known, wanted, facts)
    return await described_target(backend, wanted, facts if has_it else None)


async def described_target(backend: Backend, wanted: Wanted, facts: ServerFacts | None = None) -> BackendTarget:
    """
    Return a server with its model and what it reports, which is asked for unless it is known.

    Raises:
        InvalidSetting: when a service has many models, and none is named.
        ServerUnusable: when it has no model.
    """
    facts = facts or await ask_facts(backend, QUESTION_SECONDS, wanted.model)
    found, profile = backend.target, backend.target.profile
    if wanted.model is None and profile.is_remote:
        raise InvalidSetting(f"{profile.title} has {len(facts.models)} models; name one with {_model_setting(wanted)}")
    model = wanted.model or facts.default_model
    if model is None:
        obstacle = await first_obstacle(backend, QUESTION_SECONDS)
        why = obstacle.sentence if obstacle else f"{profile.title} at {found.address} reports no model that can chat"
        raise ServerUnusable(f"{why}. If the address is right, name a model with {_model_setting(wanted)}", NO_MODEL)
    described = replace(
        found,
        profile=replace(profile, accepts_images=profile.accepts_images and facts.sees_images is not False),
        model=model,
        available_models=facts.models,
        context_tokens=facts.context_tokens,
        parallel_requests=facts.parallel_requests or profile.parallel_requests,
        version=facts.version,
        is_router=facts.is_router,
        notes=(facts.note,) if facts.note else (),
    )
    return _as_wanted(await fitted_to_template(StdlibBackend(described)), wanted)


def _model_setting(wanted: Wanted) -> str:
    return "--fallbacks SERVER#MODEL" if wanted.is_fallback else "--model"


def _with_facts(known: BackendTarget, wanted: Wanted, facts: ServerFacts) -> BackendTarget:
    """Return a server that runs the same model, with what it reports now."""
    sees_images = known.profile.accepts_images and facts.sees_images is not False
    present = replace(
        known,
        profile=replace(known.profile, accepts_images=sees_images),
        available_models=facts.models or known.available_models,
        context_tokens=facts.context_tokens or known.context_tokens,
        parallel_requests=facts.parallel_requests or known.parallel_requests,
        is_router=facts.is_router,
    )
    return _as_wanted(present, wanted)


def _as_wanted(target: BackendTarget, wanted: Wanted) -> BackendTarget:
    """Return the target with what the user set."""
    return replace(
        target,
        models=dict(wanted.models),
        context_tokens=wanted.context_tokens or target.context_tokens,
        parallel_requests=wanted.parallel_requests or target.parallel_requests,
    )


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


def _profile(mode: Mode, profiles: tuple[BackendProfile, ...]) -> BackendProfile:
    if mode in {"claude", "embedded"}:
        raise InvalidSetting(f"mode {mode} is not a server with an address")
    return profile_named(mode, profiles)
