"""
The model of a launch that finds no server: the user chooses at a terminal, else it is the demonstration model.

Nothing of more than the demonstration model's 93 MB is downloaded without a choice.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from anyclaude.engine.cached_models import cached_models, is_cached
from anyclaude.engine.recommended_models import RECOMMENDED, RecommendedModel, fits, size_text
from anyclaude.errors import InvalidSetting
from anyclaude.settings import Settings

from .folders import cache_folder

Ask: TypeAlias = Callable[[str], Awaitable[str]]
"""Writes a question to the terminal and returns the line that was typed; raises `EOFError` at the end of the input."""

OWN_SERVER = (
    "start the server of your own (llama-server, Ollama, LM Studio, vLLM, …), then anyclaude again; "
    "--backend-url names one elsewhere"
)

NOT_FOUND = "no usable model server was found; "

DEMONSTRATION = (
    "SmolLM2-135M-Instruct answers, a model for demonstration: it shows that everything runs, and cannot code. "
    "`anyclaude models --recommended` lists models that can."
)


def is_undecided(settings: Settings) -> bool:
    """Return whether the user has chosen neither a server, nor the embedded engine, nor a model."""
    return settings.mode == "auto" and settings.backend_url is None and settings.model is None


def say_demonstration(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Say that the demonstration model answers, if no other was chosen; return the settings as they are."""
    if settings.model is None:
        say(f"anyclaude: {NOT_FOUND if is_undecided(settings) else ''}{DEMONSTRATION}")
    return settings


async def choose_model(
    settings: Settings, environment: Mapping[str, str], memory: int, say: Callable[[str], None], ask: Ask | None
) -> Settings:
    """
    Return the settings with the model that the user chose; without a terminal, `ask` is `None` and nothing changes.

    `memory` is the machine's, in bytes.

    Raises:
        InvalidSetting: when the user wants to start a server first, or leaves.
    """
    if ask is None or not is_undecided(settings):
        return say_demonstration(settings, say)
    choices = _choices(memory)
    for line in _question(choices, dict(cached_models(cache_folder(settings), environment))):
        say(line)
    model = await _answer(choices, ask)
    if model is None:
        raise InvalidSetting(OWN_SERVER)
    if model.reference is None:
        return settings
    say(
        "anyclaude: to keep this choice, write these lines into ~/.anyclaude/config.toml:\n"
        f'    mode = "embedded"\n    model = "{model.reference}"'
    )
    return replace(settings, mode="embedded", model=model.reference)


def _choices(memory: int) -> list[RecommendedModel | None]:
    """Return what can be chosen: the models that fit, a server (`None`), and the demonstration model."""
    able = [model for model in RECOMMENDED if not model.is_demonstration and fits(model, memory)]
    return [*able, None, *(model for model in RECOMMENDED if model.is_demonstration)]


def _question(choices: Sequence[RecommendedModel | None], files: Mapping[Path, int]) -> Iterator[str]:
    yield "anyclaude: no usable model server was found. What is to answer?"
    for number, model in enumerate(choices, 1):
        if model is None:
            yield f"  {number}  a server of my own"
            continue
        is_here = is_cached(model.reference or "-", files)
        size = "downloaded already" if is_here else f"downloads {size_text(model.size_bytes)}"
        about = "for demonstration: it cannot code" if model.is_demonstration else f"window {model.window_tokens:,}"
        yield f"  {number}  {model.name}, {about}, {size}"


async def _answer(choices: Sequence[RecommendedModel | None], ask: Ask) -> RecommendedModel | None:
    """Return what was chosen; there is no choice by Enter, which would start a large download by mistake."""
    while True:
        try:
            typed = (await ask(f"Number (1 to {len(choices)}, q to quit): ")).strip()
        except EOFError:
            typed = "q"
        if typed.casefold() in {"q", "quit"}:
            raise InvalidSetting("nothing was chosen; --model names a model, --backend-url a server")
        if typed.isdecimal() and 1 <= int(typed) <= len(choices):
            return choices[int(typed) - 1]
