"""The models of this run: those of its server, or the files that the embedded engine could run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from anyclaude.backends import BackendTarget, ServerFacts, ask_facts
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.engine.cached_models import cached_models
from anyclaude.engine.recommended_models import size_text
from anyclaude.errors import InvalidSetting
from anyclaude.settings import Settings
from anyclaude.shown_text import shown_line

from .candidate import QUESTION_SECONDS, Say
from .detection import find_target
from .folders import cache_folder

MORE = "anyclaude models --recommended lists models for coding."


async def list_models(settings: Settings, environment: Mapping[str, str], say: Say, out: TextIO) -> int:
    """
    Write the models, with a star at the one that a launch would use; start nothing.

    Raises:
        ServerUnusable: when the server that was chosen cannot be used.
    """
    if settings.mode == "claude":
        lines = ["Mode claude: Anthropic's own models; choose one in Claude Code with /model."]
    elif (target := await _target(settings, say)) is None:
        lines = list(_lines_of_engine(settings, dict(cached_models(cache_folder(settings), environment))))
    else:
        facts = await ask_facts(StdlibBackend(target), QUESTION_SECONDS, target.model)
        lines = list(_lines_of_server(target, facts))
    out.writelines(f"{shown_line(line)}\n" for line in lines)
    return 0


async def _target(settings: Settings, say: Say) -> BackendTarget | None:
    """Return the server of this run; where it lacks a model that is named, that is said, and its own are listed."""
    try:
        return await find_target(settings, say=say, loading_seconds=0)
    except InvalidSetting as error:
        say(f"anyclaude: {error}.")
        names = dict.fromkeys(("model", *(f"{tier}_model" for tier in settings.models)))
        return await find_target(replace(settings, **names), say=say, loading_seconds=0)


def _lines_of_server(target: BackendTarget, facts: ServerFacts) -> Iterator[str]:
    yield f"{target.profile.title} at {target.address}; * is the model that a launch would use."
    for name in dict.fromkeys((target.model, *target.models.values(), *facts.models)):
        tiers = [tier for tier, model in target.models.items() if model == name]
        notes = [
            "loaded" if name == facts.loaded_model else "",
            f"window {target.context_tokens:,}" if name == target.model and target.context_tokens else "",
            f"for {', '.join(tiers)}" if tiers else "",
            "not in the server's list" if facts.models and name not in facts.models else "",
        ]
        yield f"{'*' if name == target.model else ' '} {name}  {' · '.join(filter(None, notes))}".rstrip()


def _lines_of_engine(settings: Settings, files: Mapping[Path, int]) -> Iterator[str]:
    yield "No model server is used: the embedded engine would run the model that is marked with *."
    wanted = settings.model or "SmolLM2-135M-Instruct, for demonstration; --model chooses another"
    yield f"* {wanted}"
    if files:
        yield "Files on this machine:"
        yield from (f"  {size_text(size):>8}  {file}" for file, size in files.items())
    yield MORE
