"""llama.cpp's own parsers find no call in the corpus that we do not, but for those that we mean otherwise."""

from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
import pytest_asyncio
from tests.parts.engines import connected, running
from tests.parts.llamacpp_parsers import FAMILIES, Family, Function, calls_found
from tests.parts.played_replies import meant, situation_of
from tests.parts.written_replies import Call, WrittenReply, written_replies

from anyclaude.engine import EngineOptions

pytestmark = pytest.mark.asyncio(loop_scope="session")

Found: TypeAlias = dict[str, dict[str, list[Call]]]
"""The calls that the parser of each family found in each reply of the family."""

CONTEXT_TOKENS = 32_768
"""Enough for the longest reply and the tools; the tiny model's whole context would cost each engine its memory."""

FEWEST_READ = 0.5
"""The share of a family's replies with calls that its parser reads at least; a smaller one means it does not work."""

REPLIES = {reply.id: reply for reply in written_replies()}

MEANT_OTHERWISE: dict[str, tuple[str, ...]] = {
    "we give the arguments the types of the schema": (
        "llama3_bare_json: an array as a string",
        "llama3_bare_json: null for an optional argument",
        "llama3_bare_json: numbers and booleans as strings",
        "llama3_python_tag: numbers as strings",
    ),
    "we read arguments that are JSON in a string, and llama.cpp none": (
        "granite4: arguments as a JSON string",
        "nemotron: arguments as a JSON string",
    ),
    "we read the whole of a file about calls, and llama.cpp ends it at the first tag": (
        "qwen3_coder: a value that documents a whole call of the same dialect",
    ),
    "we omit the line breaks around a value": ("seed_oss: values on lines of their own",),
}
"""The replies in which llama.cpp finds calls that we do not, by the reason why."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def found(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each parser finds; llama.cpp has one for each template, so each has its own engine."""
    logs = tmp_path_factory.mktemp("logs")
    return {name: await found_by(family, tiny_model, logs) for name, family in FAMILIES.items()}


async def found_by(family: Family, model: Path, logs: Path) -> dict[str, list[Call]]:
    """Return the whole calls that a family's parser finds in each reply of the family."""
    options = EngineOptions(context_tokens=CONTEXT_TOKENS, chat_template=family.template)
    async with running(model, logs, options) as engine, connected(engine) as session:
        return {
            reply.id: whole(await calls_found(session, family, reply))
            for reply in REPLIES.values()
            if reply.id.startswith(family.replies)
        }


def whole(calls: list[Function]) -> list[Call]:
    """Return the calls whose arguments are whole: llama.cpp also reports a call that has only begun."""
    found = []
    for call in calls:
        try:
            found.append(Call(call.name, msgspec.json.decode(call.arguments, type=dict[str, object])))
        except msgspec.DecodeError:
            continue
    return found


def read_by_us(reply: WrittenReply) -> list[Call]:
    """Return the calls that we read in a reply."""
    return [piece for piece in meant(situation_of(reply).played([reply.reply])) if isinstance(piece, Call)]


def only_theirs(calls: list[Call], ours: list[Call]) -> list[Call]:
    """Return the calls that are not among ours, or more often than there."""
    left = [*ours]
    theirs = []
    for call in calls:
        if call in left:
            left.remove(call)
        else:
            theirs.append(call)
    return theirs


@pytest.mark.parametrize("family", FAMILIES)
async def test_llama_cpp_reads_most_replies_with_calls_of_a_family_it_knows(found: Found, family: str) -> None:
    with_calls = [name for name in found[family] if read_by_us(REPLIES[name])]

    assert sum(bool(found[family][name]) for name in with_calls) >= FEWEST_READ * len(with_calls)


async def test_llama_cpp_finds_only_those_calls_besides_ours_that_we_mean_otherwise(found: Found) -> None:
    more = {
        name
        for by_family in found.values()
        for name, calls in by_family.items()
        if only_theirs(calls, read_by_us(REPLIES[name]))
    }

    assert more == {name for names in MEANT_OTHERWISE.values() for name in names}
