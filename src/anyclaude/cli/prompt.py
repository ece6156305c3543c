"""`anyclaude prompt --show`: shows a recorded request before and after its preparation, and what each step did."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from anyclaude.diet import DEFAULT_DIET
from anyclaude.errors import InvalidSetting
from anyclaude.exchange.prompt_pipeline import prompt_transforms
from anyclaude.protocol.content import Content, TextBlock, blocks_of, encode_block
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN, prompt_characters
from anyclaude.settings import Settings
from anyclaude.shown_text import shown, shown_line
from anyclaude.transforms import PromptContext, Step, prepare

from .commands import Call

STANDARD_INPUT = "-"


def run(call: Call) -> int:
    """Show the request in the file that was named, else in the standard input."""
    show_prompt(call.options.get("file", STANDARD_INPUT), call.settings, sys.stdout)
    return 0


def show_prompt(file: str, settings: Settings, out: TextIO) -> None:
    """Write the figures, then the prompt before and after; raises `InvalidSetting` or `InvalidRequest`."""
    request = decode_request(_read(file))
    diet = settings.diet or DEFAULT_DIET
    context = PromptContext(diet=diet, allowed_tools=settings.allowed_tools)
    prepared = prepare(request, prompt_transforms(), context, prompt_characters)
    whole = Step(f"diet {diet}", prompt_characters(request), prepared.characters)
    out.write(f"{'':<20}{'characters':>24}{'tokens (estimated)':>24}\n")
    for step in (whole, *prepared.steps):
        out.write(f"{_figures(step)}\n")
    for title, state in (("before", request), ("after", prepared.request)):
        out.write(f"\n======== {title}\n")
        out.writelines(f"\n-------- {shown_line(name)}\n{shown(text)}\n" for name, text in _parts(state))


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise InvalidSetting(
            f"{file} cannot be read: {error.strerror}; name a file that holds the body of a Messages request"
        ) from error


def _figures(step: Step) -> str:
    characters = f"{step.before:,} -> {step.after:,}"
    tokens = f"{_tokens(step.before):,} -> {_tokens(step.after):,}"
    return f"{step.name:<20}{characters:>24}{tokens:>24}"


def _tokens(characters: int) -> int:
    return round(characters / CHARACTERS_PER_TOKEN)


def _parts(request: MessagesRequest) -> Iterator[tuple[str, str]]:
    """Yield the parts of the prompt in the order in which the model reads them: system prompt, tools, messages."""
    yield "system", _text(request.system)
    for tool in request.tools:
        schema = "" if tool.input_schema is None else encode_json(tool.input_schema).decode()
        yield f"tool {tool.name}", f"{tool.description}\n{schema}"
    for turn in request.messages:
        yield turn.role, _text(turn.content)


def _text(content: Content) -> str:
    return "\n\n".join(
        block.text if isinstance(block, TextBlock) else encode_json(encode_block(block)).decode()
        for block in blocks_of(content)
    )
