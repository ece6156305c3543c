"""Chooses the diet of a launch: by the window of its model, and by what is known of the first prompts of the diets."""

from collections.abc import Mapping, Sequence

from anyclaude.backends import BackendTarget, EvaluationSpeeds
from anyclaude.prewarm import LaunchKey
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.prewarm.slot_saver import MAX_SHARED_BYTES
from anyclaude.prewarm.slot_store import SlotStore
from anyclaude.settings import Settings

from .client import CLIENT_DIETS, Client, ClientDiet, DietChoice, FirstPrompts, Invocation, diet_of
from .client.flags import prints
from .folders import first_prompts_folder, slot_snapshots_folder, speeds_file
from .launch_key import continued_session, continues_session, launch_key_of
from .servers import Servers


def choose_diet(invocation: Invocation, settings: Settings, servers: Servers, client: Client) -> DietChoice | None:
    """Return the diet of a launch, with the reason for a small one; `None` in mode `claude`."""
    main = servers.main
    if main is None:
        return None
    keys = {diet: launch_key_of(invocation, client, diet, main.model) for diet in CLIENT_DIETS}
    used = _used(settings, keys)
    known = FirstPrompts(
        seconds=_seconds(invocation, settings, main, client),
        used=tuple(used),
        warm=frozenset(_warm(invocation, settings, servers, keys, used)),
        continues_session=continues_session(invocation.arguments),
    )
    return diet_of(invocation, settings, main, is_native=client.is_native, known=known)


def _seconds(invocation: Invocation, settings: Settings, target: BackendTarget, client: Client) -> Mapping[str, float]:
    """Return how long the first prompt of each diet takes on a server that has nothing of it, as far as is known."""
    speeds = EvaluationSpeeds(speeds_file(settings))
    is_interactive = not prints(invocation.arguments)
    known: dict[str, float] = {}
    for diet in CLIENT_DIETS:
        tokens = diet.evaluated_tokens(is_native=client.is_native, is_interactive=is_interactive)
        if (seconds := speeds.seconds_for(target, tokens)) is not None:
            known[diet.name] = seconds
    return known


def _used(settings: Settings, keys: Mapping[ClientDiet, LaunchKey]) -> Sequence[str]:
    """Return the diets whose first prompt in this project is recorded, the latest first."""
    store = FirstPromptStore(first_prompts_folder(settings))
    times = {diet.name: store.recorded_at(key) for diet, key in keys.items()}
    recorded = {name: time for name, time in times.items() if time is not None}
    return sorted(recorded, key=lambda name: recorded[name], reverse=True)


def _warm(
    invocation: Invocation,
    settings: Settings,
    servers: Servers,
    keys: Mapping[ClientDiet, LaunchKey],
    used: Sequence[str],
) -> Sequence[str]:
    """
    Return the diets whose first prompt, or the beginning that another project's has too, is there already.

    The embedded engine has it in a slot snapshot.  Any other server that runs has it in its cache, or it is evaluated
    again while the client starts.
    """
    own = servers.own_engine
    if own is None:
        return used if settings.prewarm else ()
    if not own.keeps_snapshots(settings):
        return ()
    store = SlotStore(slot_snapshots_folder(settings), own.identity, settings.slot_snapshots_mib * 1024**2)
    session = continued_session(invocation.arguments)
    return [
        diet.name
        for diet, key in keys.items()
        if store.best_for(key, session) is not None or store.nearest(key, MAX_SHARED_BYTES) is not None
    ]
