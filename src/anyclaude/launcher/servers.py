"""The model servers of a run: those that answer, else the embedded engine, which is started."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import NoReturn, Protocol

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.engine import Progress
from anyclaude.settings import Settings

from .detection import AskAgain, find_fallbacks, find_server
from .engine_monitor import MonitoredEngine
from .last_server import LastServer
from .model_choice import say_demonstration
from .named_models import weights_named

EMBEDDED = "anyclaude.launcher.embedded"
"""Loaded only if the engine is to be started: a launch with a server that runs has no time for its libraries."""


class OwnEngine(Struct, frozen=True):
    """The embedded engine of a run, as a target, and the identity that its slot snapshots are stored under."""

    target: BackendTarget
    engine: MonitoredEngine
    identity: str

    def keeps_snapshots(self, settings: Settings) -> bool:
        """Return whether its slot is saved for the next launch; of several it is unknown which has a conversation."""
        return settings.slot_snapshots_mib > 0 and self.target.parallel_requests == 1

    async def wait(self) -> NoReturn:
        """Wait until the engine dies; raises `EngineFailed`."""
        await self.engine.wait()


class Servers(Struct, frozen=True):
    """The model servers of a run, the main one first; there are none in mode `claude`."""

    targets: tuple[BackendTarget, ...]
    own_engine: OwnEngine | None = None
    ask_again: tuple[AskAgain, ...] = ()
    """How each is asked what it runs when that may have changed; those without one are not asked."""

    @property
    def main(self) -> BackendTarget | None:
        """The server that requests go to first."""
        return next(iter(self.targets), None)


class EngineStarter(Protocol):
    """The function `running_engine` of the module `EMBEDDED`."""

    def __call__(
        self, settings: Settings, progress: Progress, say: Callable[[str], None]
    ) -> AbstractAsyncContextManager[OwnEngine]:
        """Run the engine for the duration of the context."""


def described(target: BackendTarget) -> str:
    """Return what answers, for the user to read."""
    if target.context_tokens is not None:
        window = f", window {target.context_tokens:,} tokens"
    else:
        window = "" if target.profile.is_own else ", window unknown: asked again after the first reply"
    place = "" if target.profile.is_own else f" at {target.address}"
    computed = f", computed on {target.computed_on}" if target.computed_on else ""
    return f"{target.profile.title}{place}, model {target.model}{window}{computed}"


@asynccontextmanager
async def running_servers(
    settings: Settings,
    progress: Progress,
    say: Callable[[str], None],
    *,
    awaits: bool = False,
    choose: Callable[[Settings], Awaitable[Settings]] | None = None,
    last: LastServer | None = None,
) -> AsyncIterator[Servers]:
    """
    Find the servers of this run, or run the embedded engine for the duration of the context.

    Where the engine is to run, `choose` returns the settings with its model.

    A chosen server that cannot be used yet is one to be awaited if `awaits` says so and the reason may pass, else an
    error.  `last` is the server of the session that is continued.
    """
    if settings.mode == "claude":
        yield Servers(())
        return
    found = await find_server(settings, say=say, awaits=awaits, last=last)
    fallbacks = await find_fallbacks(settings, say)
    others = tuple(fallback.target for fallback in fallbacks)
    ask_others = tuple(fallback.ask_again for fallback in fallbacks)
    if found is not None:
        yield Servers((found.target, *others), ask_again=(found.ask_again, *ask_others))
        return
    running_engine: EngineStarter = import_module(EMBEDDED).running_engine
    named = replace(settings, model=weights_named(settings.model))
    with_model = await choose(named) if choose else say_demonstration(named, say)
    async with running_engine(with_model, progress, say) as own_engine:
        yield Servers((own_engine.target, *others), own_engine, (unchanged, *ask_others))


async def unchanged(target: BackendTarget) -> BackendTarget:
    """Return the target as it is: the embedded engine runs one model until it ends."""
    return target
