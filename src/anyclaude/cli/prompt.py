"""`anyclaude prompt --show`: a recorded request as it came and as a model would get it, and what each step did."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from anyclaude.errors import InvalidSetting
from anyclaude.exchange.prompt_pipeline import prompt_steps
from anyclaude.launcher.client.diets import DEFAULT
from anyclaude.protocol.content import Content, TextBlock, blocks_of, encode_block
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN, prompt_characters
from anyclaude.settings import Settings
from anyclaude.transforms import PromptContext, Step, prepare

STANDARD_INPUT = "-"


def show_prompt(file: str, settings: Settings, out: TextIO) -> int:
    """Write the figures, then the prompt before and after; raises `InvalidSetting` or `InvalidRequest`."""
    request = decode_request(_read(file))
    diet = settings.diet or DEFAULT
    context = PromptContext(diet=diet, allowed_tools=settings.allowed_tools)
    prepared = prepare(request, prompt_steps(), context, prompt_characters)
    whole = Step(f"diet {diet}", prompt_characters(request), prompt_characters(prepared.request))
    out.write(f"{'':<20}{'characters':>24}{'tokens (estimated)':>24}\n")
    for step in (whole, *prepared.steps):
        out.write(f"{_figures(step)}\n")
    for title, shown in (("before", request), ("after", prepared.request)):
        out.write(f"\n======== {title}\n")
        out.writelines(f"\n-------- {name}\n{text}\n" for name, text in _parts(shown))
    return 0


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
    """Yield what the model reads, in its order: the system prompt, the tools, the messages."""
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
