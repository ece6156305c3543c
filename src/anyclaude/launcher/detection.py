"""Which server answers: the one that was asked for, else the first of the known ones on loopback, else none."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import (
    Backend,
    BackendTarget,
    ask_facts,
    fitted_to_template,
    identifies_as_profile,
    is_reachable,
)
from anyclaude.backends.urllib_backend import UrllibBackend
from anyclaude.errors import InvalidSetting, SetupError
from anyclaude.profiles import PROFILES, BackendName, BackendProfile, profile_named
from anyclaude.secret import Secret
from anyclaude.settings import Fallback, Mode, Settings

DETECTION_SECONDS = 0.5
"""A server on loopback answers these small questions within milliseconds; one that computes may take longer."""

QUESTION_SECONDS = 5.0
"""For a server that was asked for, which may be far, or busy."""


class Wanted(Struct, frozen=True, kw_only=True):
    """One server as the user described it; with neither a kind nor an address it is to be found."""

    mode: Mode | None
    url: str | None
    model: str | None
    key_for: Callable[[BackendProfile], Secret | None]


async def find_target(settings: Settings, profiles: tuple[BackendProfile, ...] = PROFILES) -> BackendTarget | None:
    """
    Return the server of this run, or `None` for the embedded engine.

    Raises `SetupError` if a server that was asked for does not answer, `InvalidSetting` if it has no model to name.
    """
    is_open = settings.mode is None and settings.backend_url is None
    if settings.mode == "embedded" or (is_open and names_a_file(settings.model)):
        return None
    wanted = Wanted(mode=settings.mode, url=settings.backend_url, model=settings.model, key_for=settings.key_for)
    found = await _identified(wanted, profiles)
    return None if found is None else _with_choices(await _target(found.target, settings.model), settings)


async def find_fallbacks(settings: Settings, say: Callable[[str], None]) -> tuple[BackendTarget, ...]:
    """Return the servers to ask when the first cannot answer; one that is down now is kept if its model is named."""
    targets: list[BackendTarget] = []
    for fallback in settings.fallbacks:
        target = await _fallback(fallback, settings)
        if target is None:
            say(f"anyclaude: {fallback.mode or fallback.url} does not answer and no model is set for it: no fallback.")
        else:
            targets.append(target)
    return tuple(targets)


def names_a_file(model: str | None) -> bool:
    """Tell whether a model is a file of weights, which only the embedded engine takes."""
    return model is not None and (model.endswith(".gguf") or Path(model).expanduser().is_file())


def with_version_path(url: str) -> str:
    """Return the address with the `/v1` that Chat Completions stand under, where no path is given."""
    url = url.rstrip("/")
    return url if urlsplit(url).path else f"{url}/v1"


async def _identified(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend | None:
    """Return the server that answers; `None` if none does and none was asked for."""
    if wanted.mode is not None:
        profile = profile_named(_backend(wanted.mode))
        url = with_version_path(wanted.url or profile.base_url)
        backend = _candidate(profile, url, wanted)
        if not await is_reachable(backend, QUESTION_SECONDS):
            raise _absent(profile, url)
        return backend
    if wanted.url is not None:
        return await _kind_of(with_version_path(wanted.url), wanted, profiles)
    return await _first_that_answers(wanted, profiles)


async def _kind_of(url: str, wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend:
    candidates = [_candidate(profile, url, wanted) for profile in profiles if profile.identity_path]
    found = await _first(candidates, QUESTION_SECONDS)
    if found is not None:
        return found
    generic = _candidate(profile_named("generic"), url, wanted)
    if not await is_reachable(generic, QUESTION_SECONDS):
        raise SetupError(f"no server answers at {url}; start it, or correct --backend-url")
    return generic


async def _first_that_answers(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Backend | None:
    candidates = [
        _candidate(profile, profile.base_url, wanted)
        for profile in profiles
        if profile.identity_path and not profile.is_remote
    ]
    return await _first(candidates, DETECTION_SECONDS)


async def _first(candidates: list[Backend], within_seconds: float) -> Backend | None:
    """Ask all at once, and return the first in their order that is what its profile says."""
    answers = await asyncio.gather(*(identifies_as_profile(candidate, within_seconds) for candidate in candidates))
    return next((candidate for candidate, is_it in zip(candidates, answers, strict=True) if is_it), None)


def _candidate(profile: BackendProfile, url: str, wanted: Wanted) -> Backend:
    """Return a server that may be of this kind; its model is still to be found."""
    target = BackendTarget(profile=profile, base_url=url, model="", api_key=wanted.key_for(profile))
    return UrllibBackend(target)


async def _target(found: BackendTarget, model: str | None) -> BackendTarget:
    profile = found.profile
    facts = await ask_facts(UrllibBackend(found), QUESTION_SECONDS, model)
    chosen = model or facts.loaded_model or next(iter(facts.models), None)
    if chosen is None:
        raise InvalidSetting(
            f"{profile.title} at {found.base_url} does not tell which models it has; name one with --model"
        )
    if model is None and profile.is_remote:
        raise InvalidSetting(f"{profile.title} has {len(facts.models)} models; name one with --model")
    target = replace(
        found,
        model=chosen,
        context_tokens=facts.context_tokens,
        parallel_requests=facts.parallel_requests or profile.parallel_requests,
    )
    return await fitted_to_template(UrllibBackend(target))


def _with_choices(target: BackendTarget, settings: Settings) -> BackendTarget:
    """Let what the user said win over what the server told."""
    return BackendTarget(
        profile=target.profile,
        base_url=target.base_url,
        model=target.model,
        models=settings.models,
        api_key=target.api_key,
        context_tokens=settings.context_tokens or target.context_tokens,
        parallel_requests=settings.parallel_requests or target.parallel_requests,
    )


async def _fallback(fallback: Fallback, settings: Settings) -> BackendTarget | None:
    def key_for(profile: BackendProfile) -> Secret | None:
        """A fallback never gets the key that was set for the first server."""
        return settings.keys.get(fallback.api_key_variable or profile.api_key_variable or "")

    wanted = Wanted(mode=fallback.mode, url=fallback.url, model=fallback.model, key_for=key_for)
    try:
        found = await _identified(wanted, PROFILES)
        return await _target(found.target, fallback.model) if found else None
    except InvalidSetting:
        raise
    except SetupError:
        return _unasked(fallback, key_for)


def _unasked(fallback: Fallback, key_for: Callable[[BackendProfile], Secret | None]) -> BackendTarget | None:
    """Return the target as described, for a server that may be started later."""
    if fallback.model is None:
        return None
    profile = profile_named(_backend(fallback.mode) if fallback.mode else "generic")
    url = with_version_path(fallback.url or profile.base_url)
    return BackendTarget(profile=profile, base_url=url, model=fallback.model, api_key=key_for(profile))


def _backend(mode: Mode) -> BackendName:
    if mode in {"claude", "embedded"}:
        raise InvalidSetting(f"mode {mode} is no server that can be asked at an address, or fall back to")
    return mode  # the modes without these two are the names of the profiles


def _absent(profile: BackendProfile, url: str) -> SetupError:
    how = f" Start it ({profile.how_to_start})" if profile.how_to_start else " Start it"
    return SetupError(f"{profile.title} does not answer at {url}.{how}, or say where it is with --backend-url")
