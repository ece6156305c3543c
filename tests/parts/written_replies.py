"""The corpus of written replies: what models write, and the text, thinking and tool calls they mean by it."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from anyclaude.protocol.messages_request import Tool

CORPUS = Path(__file__).parent.parent / "filters" / "corpus"
TOOLS_FILE = CORPUS / "tools.json"
LOOK_ALIKES = "look_alikes"
"""The folder of replies that merely look like calls or thinking, and must come out byte for byte."""


class Text(Struct, frozen=True, array_like=True, tag="text"):
    """Visible text."""

    text: str


class Thinking(Struct, frozen=True, array_like=True, tag="thinking"):
    """Reasoning."""

    text: str


class Call(Struct, frozen=True, array_like=True, tag="call"):
    """A call of an offered tool, after all repairs."""

    name: str
    arguments: dict[str, object]


Piece: TypeAlias = Text | Thinking | Call


class ToolInFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool as a request offers it."""

    name: str
    description: str
    input_schema: dict[str, object]


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One reply in a file of the corpus; `None` means that the file's value, or the default, applies."""

    name: str
    reply: str
    expect: tuple[Piece, ...]
    finish: Literal["stop", "length"] = "stop"
    tools: tuple[ToolInFile, ...] | None = None
    opens_thinking: bool | None = None


class CorpusFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The replies of one dialect, or of one oddity; `sources` says where the form is documented."""

    dialect: str
    models: tuple[str, ...]
    sources: tuple[str, ...]
    cases: tuple[Case, ...]
    tools: tuple[ToolInFile, ...] | None = None
    opens_thinking: bool = False
    """Whether the template ends the prompt with an open thinking tag, so that the reply begins with reasoning."""


class WrittenReply(Struct, frozen=True):
    """One reply of the corpus, with everything that is needed to play it."""

    id: str
    dialect: str
    reply: str
    expect: tuple[Piece, ...]
    finish: Literal["stop", "length"]
    """Whether the model ended the reply, or a limit on its length did."""
    tools: tuple[Tool, ...]
    opens_thinking: bool
    is_look_alike: bool


def corpus_files() -> dict[str, CorpusFile]:
    """Return the files of the corpus, by their path without the suffix."""
    paths = sorted(path for path in CORPUS.rglob("*.json") if path != TOOLS_FILE)
    return {path.relative_to(CORPUS).with_suffix("").as_posix(): _decoded(path) for path in paths}


def default_tools() -> tuple[Tool, ...]:
    """Return the tools that are offered unless a file or a case says otherwise."""
    return _offered(msgspec.json.decode(TOOLS_FILE.read_bytes(), type=tuple[ToolInFile, ...]))


def written_replies() -> list[WrittenReply]:
    """Return every reply of the corpus, look-alikes included."""
    tools = default_tools()
    return [reply for name, file in corpus_files().items() for reply in _replies(name, file, tools)]


def chat_tools(reply: WrittenReply) -> list[object]:
    """Return the tools of a reply as Chat Completions has them."""
    return [
        {"type": "function", "function": {"name": tool.name, "parameters": msgspec.to_builtins(tool.input_schema)}}
        for tool in reply.tools
    ]


def comparable(pieces: Iterable[Piece]) -> list[Piece]:
    """
    Return the pieces of a reply in the form in which they are compared.

    Neighbouring text, and neighbouring thinking, is one piece.  White space between pieces is of no interest, so text
    and thinking are stripped, and dropped if nothing is left; but text that is the whole reply keeps every character.
    """
    joined = [piece for kind, group in groupby(pieces, type) for piece in _joined(kind, group)]
    if len(joined) == 1 and isinstance(joined[0], Text):
        return joined
    return [piece for piece in map(_stripped, joined) if isinstance(piece, Call) or piece.text]


def _joined(kind: type[Piece], group: Iterable[Piece]) -> Iterator[Piece]:
    if kind is Call:
        yield from group
    elif kind is Text:
        yield Text("".join(piece.text for piece in group if isinstance(piece, Text)))
    else:
        yield Thinking("".join(piece.text for piece in group if isinstance(piece, Thinking)))


def _stripped(piece: Piece) -> Piece:
    match piece:
        case Text(text):
            return Text(text.strip())
        case Thinking(text):
            return Thinking(text.strip())
        case Call():
            return piece


def _decoded(path: Path) -> CorpusFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CorpusFile)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.relative_to(CORPUS)}: {error}") from error


def _replies(name: str, file: CorpusFile, default: tuple[Tool, ...]) -> Iterator[WrittenReply]:
    tools = default if file.tools is None else _offered(file.tools)
    for case in file.cases:
        yield WrittenReply(
            id=f"{name}: {case.name}",
            dialect=file.dialect,
            reply=case.reply,
            expect=case.expect,
            finish=case.finish,
            tools=tools if case.tools is None else _offered(case.tools),
            opens_thinking=file.opens_thinking if case.opens_thinking is None else case.opens_thinking,
            is_look_alike=name.startswith(f"{LOOK_ALIKES}/"),
        )


def _offered(tools: Iterable[ToolInFile]) -> tuple[Tool, ...]:
    return tuple(Tool(tool.name, tool.description, msgspec.to_builtins(tool.input_schema)) for tool in tools)
