"""
What a server of the run runs at present: when it is looked for, and whenever it may have changed.

What the user set wins over what the server reports.
"""

import asyncio

from msgspec.structs import replace

from anyclaude.backends import (
    MODELS,
    Backend,
    BackendTarget,
    Obstacle,
    ServerFacts,
    ask_facts,
    first_obstacle,
    fitted_to_template,
    identify,
    probe,
)
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.model_names import without_window_mark
from anyclaude.network import parse_address
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.settings import AUTO, Mode

from .candidate import BUSY_SECONDS, Wanted, candidate, hosted_at, kind_at, usable
from .named_models import named_models

NO_MODEL = "no_model"
"""The reason of `ServerUnusable` for a server that answers, and has no model that can chat."""


async def found_target(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """
    Return the server that the user described, as it answers; a slow one is asked once more, and gets more time.

    Raises:
        InvalidSetting: when its description leaves open what only the user can say, or names a model it does not have.
        ServerUnusable: when it does not answer as a model server, or has no model.
    """
    try:
        return await described_target(await _chosen(wanted, profiles), wanted, is_checked=True)
    except ServerUnusable as error:
        if error.reason != "timeout" or not wanted.is_patient:
            raise
        where = _profile(wanted.mode, profiles).title if wanted.url is None else parse_address(wanted.url).shown
        wanted.say(f"anyclaude: {where} has not answered yet; waiting for it.")
    return await found_target(replace(wanted, question_seconds=BUSY_SECONDS, is_patient=False), profiles)


async def same_target(wanted: Wanted, last_model: str, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """
    Return the server of an earlier launch, with its model if it still has that and none is named.

    It gets the key of its kind only if it still is of that kind.

    Raises:
        InvalidSetting: like `found_target`.
        ServerUnusable: like `found_target`, and when a server of another kind is there now.
    """
    kind, url = _profile(wanted.mode, profiles), wanted.url or ""
    if kind.identity_path is not None:
        stranger = candidate(kind, url, wanted)
        listed = await probe(stranger, MODELS, wanted.question_seconds)
        if isinstance(listed, Obstacle) and not listed.is_answer and listed.reason != "timeout":
            raise ServerUnusable(listed.sentence, listed.reason)
        if await identify(stranger, wanted.question_seconds) == "no":
            raise ServerUnusable(f"{kind.title} is not at {stranger.target.address} any more", "not_found")
    backend = await usable(candidate(kind, url, wanted, knows_kind=True), wanted)
    if wanted.named_model is not None:
        return await described_target(backend, wanted, is_checked=True)
    facts = await ask_facts(backend, wanted.question_seconds, last_model)
    if facts.names and last_model not in facts.names:
        return await described_target(backend, wanted)
    return await described_target(backend, replace(wanted, model=last_model), facts)


def expected_target(wanted: Wanted, because: str, profiles: tuple[BackendProfile, ...]) -> BackendTarget:
    """Return a server that is not there yet, as far as the user described it; `because` is why it is awaited."""
    if wanted.mode != AUTO:
        kind = _profile(wanted.mode, profiles)
    else:
        kind = hosted_at(wanted.url or "", profiles) or profile_named("generic", profiles)
    backend = candidate(kind, wanted.url or kind.base_url, wanted, knows_kind=True)
    models = {tier: without_window_mark(name) for tier, name in wanted.models.items()}
    target = replace(backend.target, model=wanted.named_model or "", models=models, awaited_because=because)
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
    if wanted.mode == AUTO and kind.identity_path and await identify(backend, wanted.question_seconds) == "no":
        return await found_target(wanted, profiles)
    await usable(backend, wanted)
    facts = await ask_facts(backend, wanted.question_seconds, known.model)
    is_named = wanted.named_model is not None
    has_it = is_named or facts.default_model is None or known.model in {*facts.names, facts.default_model}
    if has_it and (facts.version or known.version) == known.version:
        return _with_facts(known, wanted, facts)
    return await described_target(backend, wanted, facts if has_it else None)


async def described_target(
    backend: Backend, wanted: Wanted, facts: ServerFacts | None = None, *, is_checked: bool = False
) -> BackendTarget:
    """
    Return a server with its model and what it reports, which is asked for unless it is known.

    Raises:
        InvalidSetting: when a service has many models, and none is named; when `is_checked`, and it lacks one that is.
        ServerUnusable: when it has no model.
    """
    facts = facts or await ask_facts(backend, wanted.question_seconds, wanted.named_model)
    found, profile = backend.target, backend.target.profile
    named = named_models(wanted.model, wanted.models, found, facts, is_checked=is_checked)
    if named.model is not None and named.model != wanted.named_model:
        facts = await ask_facts(backend, wanted.question_seconds, named.model)
    if named.model is None and profile.is_remote:
        raise InvalidSetting(f"{profile.title} has {len(facts.models)} models; name one with {found.model_setting}")
    model = named.model or facts.default_model
    if model is None:
        obstacle = await first_obstacle(backend, wanted.question_seconds)
        why = obstacle.sentence if obstacle else f"{profile.title} at {found.address} reports no model that can chat"
        raise ServerUnusable(f"{why}. If the address is right, name a model with {found.model_setting}", NO_MODEL)
    described = replace(
        found,
        profile=replace(profile, accepts_images=profile.accepts_images and facts.sees_images is not False),
        model=model,
        models=named.models,
        available_models=facts.models,
        context_tokens=facts.context_tokens,
        windows=facts.windows,
        parallel_requests=facts.parallel_requests or profile.parallel_requests,
        version=facts.version,
        is_router=facts.is_router,
        notes=(*named.notes, *filter(None, [facts.note])),
    )
    return _as_wanted(await fitted_to_template(StdlibBackend(described)), wanted)


def _with_facts(known: BackendTarget, wanted: Wanted, facts: ServerFacts) -> BackendTarget:
    """Return a server that runs the same model, with what it reports now."""
    sees_images = known.profile.accepts_images and facts.sees_images is not False
    present = replace(
        known,
        profile=replace(known.profile, accepts_images=sees_images),
        available_models=facts.models or known.available_models,
        context_tokens=facts.context_tokens or known.context_tokens,
        windows={**known.windows, **facts.windows},
        parallel_requests=facts.parallel_requests or known.parallel_requests,
        is_router=facts.is_router,
    )
    return _as_wanted(present, wanted)


def _as_wanted(target: BackendTarget, wanted: Wanted) -> BackendTarget:
    """Return the target with what the user set."""
    return replace(
        target,
        context_tokens=wanted.context_tokens or target.context_tokens,
        windows={} if wanted.context_tokens else target.windows,
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
        asyncio.gather(*(first_obstacle(backend, wanted.question_seconds) for backend in backends)),
        asyncio.gather(*(identify(backend, wanted.question_seconds) for backend in backends)),
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
