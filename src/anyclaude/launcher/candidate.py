"""A server that may be the one of this run: how it is asked what it is, and whether it can be used."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct

from anyclaude.backends import (
    MODELS,
    Backend,
    BackendTarget,
    Identity,
    Obstacle,
    first_obstacle,
    identify,
    is_own_gateway,
    probe,
)
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.model_names import client_word, without_window_mark
from anyclaude.network import Network, parse_address
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.secret import Secret
from anyclaude.settings import Mode

QUESTION_SECONDS = 5.0
"""For a server that was chosen, which may be far away, or busy."""

QUESTIONS_AT_ONCE = 3
"""How many kinds one server is asked about at the same time: the standard library's servers, of which mlx_lm.server is
one, keep five connections waiting (`socketserver.TCPServer.request_queue_size`), and the next one loses a second."""

LOADING_SECONDS = 600.0
"""How long a server that is loading its model is waited for: a large one from a slow disk takes minutes."""

BUSY_SECONDS = 30.0
"""How long a server is waited for that does not answer, or answers that it cannot now: one that evaluates a long
prompt, or loads another model, may answer nothing else meanwhile."""

BUSY_STATUSES = frozenset({408, 429, 502, 503, 504, 529})
"""What is over when a server has less to do, or when the one behind a proxy has started."""

LOADING_PAUSE_SECONDS = 0.5
PROGRESS_SECONDS = 15.0
"""How often the wait is shown again: the user should see that something still happens."""

Say: TypeAlias = Callable[[str], None]


class Wanted(Struct, frozen=True, kw_only=True):
    """
    One server as the user described it; in mode `auto` without an address it is searched for.

    `key` is the one for this server, of whatever kind it is; `key_for` also knows the keys of the kinds, which only a
    server of that kind may get.
    """

    mode: Mode
    url: str | None
    model: str | None
    key: Secret | None
    key_for: Callable[[BackendProfile], Secret | None]
    network: Network
    say: Say
    loading_seconds: float
    models: Mapping[str, str] = {}
    """The models of the client's tiers; like the two below, it wins over what the server reports."""
    context_tokens: int | None = None
    parallel_requests: int | None = None
    is_fallback: bool = False
    question_seconds: float = QUESTION_SECONDS
    """The time limit of each question; a server that is known to be slow gets more."""
    is_patient: bool = True
    """Whether a server that has not answered in this time is asked again with more."""

    @property
    def named_model(self) -> str | None:
        """The model as the server is asked for it, `None` if none was named, or only the client knows it."""
        return None if self.model is None or client_word(self.model) else without_window_mark(self.model)


def candidate(profile: BackendProfile, url: str, wanted: Wanted, *, knows_kind: bool = False) -> Backend:
    """Return a server that may be of this kind, without a model; it gets the kind's key only if it is of that kind."""
    address = parse_address(url)
    return StdlibBackend(
        BackendTarget(
            profile=profile,
            base_url=address.written,
            model="",
            api_key=wanted.key_for(profile) if knows_kind else wanted.key,
            way=wanted.network.way_to(address),
            is_fallback=wanted.is_fallback,
        )
    )


async def identities_at(
    url: str, wanted: Wanted, profiles: Iterable[BackendProfile], within_seconds: float
) -> list[tuple[BackendProfile, Identity]]:
    """Return each kind that can be told from others, in their order, and whether the server at an address is of it."""
    kinds = [profile for profile in profiles if profile.identity_path]
    is_patient = within_seconds >= BUSY_SECONDS  # then each answer takes long, and a lost second matters less
    turns = asyncio.Semaphore(len(kinds) + 1 if is_patient else QUESTIONS_AT_ONCE)

    async def asked(kind: BackendProfile) -> Identity:
        async with turns:
            return await identify(candidate(kind, url, wanted), within_seconds)

    identities = await asyncio.gather(*map(asked, kinds))
    return list(zip(kinds, identities, strict=True))


async def kind_at(url: str, wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> BackendProfile:
    """
    Return the kind of the server at an address, `generic` for one that says nothing of itself.

    Raises:
        ServerUnusable: when nothing there speaks HTTP.
    """
    if (hosted := hosted_at(url, profiles)) is not None:
        return hosted
    generic = profile_named("generic")
    listed = await probe(candidate(generic, url, wanted), MODELS, wanted.question_seconds)
    if isinstance(listed, Obstacle) and not listed.is_answer:
        raise ServerUnusable(listed.sentence, listed.reason)
    identities = await identities_at(url, wanted, profiles, wanted.question_seconds)
    return next((kind for kind, identity in identities if identity in {"yes", "loading"}), generic)


def hosted_at(url: str, profiles: Iterable[BackendProfile]) -> BackendProfile | None:
    """Return the service whose address it is, which need not be asked."""
    root = parse_address(url).host_and_port
    hosted = (profile for profile in profiles if profile.is_remote)
    return next((profile for profile in hosted if parse_address(profile.base_url).host_and_port == root), None)


async def usable(backend: Backend, wanted: Wanted) -> Backend:
    """
    Return a server of a known kind once it can be used; one that does not list its models may be.

    Raises:
        ServerUnusable: when it does not answer as a model server.
        InvalidSetting: when it is a gateway like this one.
    """
    target = backend.target
    if target.endpoint.is_private and await is_own_gateway(backend, wanted.question_seconds):
        raise InvalidSetting(
            f"{target.address} is a gateway of anyclaude itself, not a model server; "
            f"name the server behind it with {target.address_setting}"
        )
    obstacle = await _when_ready(target, lambda: first_obstacle(backend, wanted.question_seconds), wanted)
    if obstacle is not None and obstacle.reason != "not_found":
        raise ServerUnusable(obstacle.sentence, obstacle.reason)
    return backend


def is_busy(obstacle: Obstacle) -> bool:
    """Return whether a server answers that it cannot now."""
    return obstacle.reason == "error" and obstacle.status in BUSY_STATUSES


async def _when_ready(
    target: BackendTarget, ask: Callable[[], Awaitable[Obstacle | None]], wanted: Wanted
) -> Obstacle | None:
    """Return what keeps a server from being used when it has had its time to load its model, or to end other work."""
    clock = asyncio.get_running_loop().time
    begun = shown = clock()
    while (obstacle := await ask()) is not None and (waits := _wait_for(obstacle)) is not None:
        if clock() - begun >= min(waits.seconds, wanted.loading_seconds):
            break
        if shown == begun or clock() - shown >= PROGRESS_SECONDS:
            shown = clock()
            so_far = f" ({shown - begun:.0f} s)" if shown - begun > 1 else ""
            wanted.say(
                f"anyclaude: {target.profile.title} at {target.address} {waits.because}; waiting for it{so_far}."
            )
        await asyncio.sleep(LOADING_PAUSE_SECONDS)
    return obstacle


class _Wait(Struct, frozen=True):
    """How long a server is waited for, and why."""

    seconds: float
    because: str


def _wait_for(obstacle: Obstacle) -> _Wait | None:
    """Return how long an obstacle is waited for, `None` for one that does not pass."""
    if obstacle.reason == "loading":
        return _Wait(LOADING_SECONDS, "is loading its model")
    return _Wait(BUSY_SECONDS, f"is busy (HTTP {obstacle.status})") if is_busy(obstacle) else None
