"""How a run prewarms its server, and what its user is told of it."""

from collections.abc import Iterator
from datetime import date

from anyclaude.backends import BackendTarget
from anyclaude.prewarm import (
    FirstPromptOptions,
    FirstPromptStore,
    LaunchKey,
    PrewarmOptions,
    SlotSaverOptions,
    snapshot_to_restore,
)

from .client import Client, ClientDiet
from .client.flags import prints
from .folders import first_prompts_folder, slot_snapshots_folder
from .launch_key import continued_session, continues_session, launch_key_of
from .run import Run

ROUNDING_TOKENS = 100
"""The user's words of the recorded session are in the count, and the transforms shorten parts by different shares."""


def prewarm_options(run: Run, launch_key: LaunchKey | None) -> PrewarmOptions:
    """Return how a run prewarms; a server that may charge for it gets no request in advance."""
    main = run.servers.main
    if main is None or _may_cost(main):
        return PrewarmOptions()
    folder = first_prompts_folder(run.settings)
    first_prompt = FirstPromptOptions(folder, launch_key) if run.settings.prewarm else None
    return PrewarmOptions(first_prompt=first_prompt, slot=_slot_saver(run, launch_key))


def key_of(run: Run, client: Client, diet: ClientDiet, main: BackendTarget) -> LaunchKey:
    """Return the key of a launch on a server, with this diet."""
    return launch_key_of(run.invocation, client, diet, main.model)


def announced_evaluation(run: Run, client: Client, diet: ClientDiet | None) -> Iterator[str]:
    """
    Yield what an interactive launch evaluates in advance, if it is known what, and that it is not evaluated already.

    With `-p` the request itself arrives at once.  An engine that restores a snapshot has next to nothing to evaluate,
    and the cache of a server that was running before is unknown.
    """
    main, arguments = run.servers.main, run.invocation.arguments
    if (
        main is None
        or diet is None
        or run.servers.own_engine is None
        or prints(arguments)
        or continues_session(arguments)
    ):
        return
    key = key_of(run, client, diet, main)
    options = prewarm_options(run, key)
    if options.first_prompt is None or (options.slot is not None and snapshot_to_restore(options.slot)[0]):
        return
    tokens = FirstPromptStore(options.first_prompt.folder).expected_tokens(key, date.today())
    if tokens is not None and tokens >= ROUNDING_TOKENS:
        about = round(tokens / ROUNDING_TOKENS) * ROUNDING_TOKENS
        yield f"while you type, the engine evaluates what is known of the first prompt: about {about:,} tokens"


def _may_cost(target: BackendTarget) -> bool:
    """Return whether a server may charge by the token: a key that costs money is not sent without encryption."""
    return target.profile.is_remote or target.endpoint.scheme == "https"


def _slot_saver(run: Run, launch_key: LaunchKey | None) -> SlotSaverOptions | None:
    """
    Return how slot snapshots are saved, `None` if they are not.

    A server that anyclaude did not start keeps running, with its cache.
    """
    own, settings = run.servers.own_engine, run.settings
    if own is None or launch_key is None or not own.keeps_snapshots(settings):
        return None
    return SlotSaverOptions(
        folder=slot_snapshots_folder(settings),
        engine=own.identity,
        launch_key=launch_key,
        limit_bytes=settings.slot_snapshots_mib * 1024**2,
        session=continued_session(run.invocation.arguments),
        continues_session=continues_session(run.invocation.arguments),
    )
