"""`anyclaude models`: the models of this run's server, or those that are recommended for this machine."""

import sys
from collections.abc import Mapping
from typing import TextIO

from anyclaude.engine.cached_models import cached_models, is_cached
from anyclaude.engine.machine import memory_bytes
from anyclaude.engine.recommended_models import (
    RECOMMENDED,
    WORKING_WINDOW_TOKENS,
    RecommendedModel,
    fits,
    memory_needed,
    size_text,
)
from anyclaude.launcher import Signals, Terminal
from anyclaude.launcher.folders import cache_folder
from anyclaude.launcher.model_list import list_models
from anyclaude.settings import Settings

from .commands import Call
from .event_loop import run_until_complete
from .screen import Screen

HOW = (
    "To start one: anyclaude --mode embedded --model ORG/REPO:QUANTIZATION. A server of your own can run the same "
    "files, and more on a graphics card: start it, then anyclaude."
)


def run(call: Call) -> int:
    """List the models, and start nothing."""
    if "recommended" in call.options:
        show_recommended(call.settings, call.environment, memory_bytes(), sys.stdout)
        return 0
    say = Terminal(sys.stderr).say

    async def work(settings: Settings, signals: Signals) -> int:
        return await list_models(settings, call.environment, say, sys.stdout)

    return run_until_complete(work, call.settings)


def show_recommended(settings: Settings, environment: Mapping[str, str], memory: int, out: TextIO) -> None:
    """Write the table of models; `memory` is the machine's, in bytes."""
    screen = Screen(out)
    files = dict(cached_models(cache_folder(settings), environment))
    screen.line(f"  {'model':<30}{'size':>8}{'memory':>9}{'window':>9}  {'calls':<9}licence", "bold")
    for model in RECOMMENDED:
        screen.line(_row(model, memory))
        is_here = is_cached(model.reference or "-", files)
        out.write(f"    {_how(model)}{'  (downloaded)' if is_here else ''}\n")  # to be copied, so it is never cut
    fitting = f"* fits into this machine's memory ({size_text(memory)}), on the processor, with a window of "
    screen.paragraph("", f"{fitting}{WORKING_WINDOW_TOKENS:,} tokens. Sizes as published, not measured here.", "")
    screen.paragraph("", HOW, "")


def _row(model: RecommendedModel, memory: int) -> str:
    mark = "*" if fits(model, memory) else " "
    sizes = f"{size_text(model.size_bytes):>8}{size_text(memory_needed(model)):>9}{model.window_tokens:>9,}"
    return f"{mark} {model.name:<30}{sizes}  {model.calls:<9}{model.licence}"


def _how(model: RecommendedModel) -> str:
    if model.reference is None:
        return "for demonstration, without --model: shows that everything runs, cannot code"
    return f"--model {model.reference}"
