"""Replies that an engine is made to write: their text in the form of its chat template, and their tokens."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
from msgspec import Struct
from msgspec import json as msgspec_json
from tests.parts.chat_reply import Call

from anyclaude.protocol.deltas import Delta, TextDelta, ToolCallDelta

from .script import Turn

Headers: TypeAlias = Mapping[str, str]

MARKS = ("the first mark", "the second mark")
"""Stand in the place of a reply and of the message after it, and show what the template writes between them."""

TOOL = {"type": "function", "function": {"name": "Read", "parameters": {"type": "object", "properties": {}}}}
"""Some templates write calls only where there are tools."""


@dataclass(frozen=True, slots=True)
class ForcedReply:
    """One scripted reply as the model has to write it."""

    turn: Turn
    written: str
    arguments: str
    """The JSON text of the call's arguments in `written`; empty without a call."""
    tokens: tuple[int, ...]

    @property
    def grammar(self) -> str:
        """The grammar that admits these tokens and no others, so that what is written has one way to be written."""
        return "root ::= " + " ".join(f"<[{token}]>" for token in self.tokens)

    def place_of(self, tokens: int) -> int:
        """Return about how many characters of `written` so many tokens are: exactly 0 for none, all of it for all."""
        return len(self.written) * min(tokens, len(self.tokens)) // len(self.tokens)

    def deltas(self, start: int, end: int) -> Iterator[Delta]:
        """Yield what a server reports of the characters of `written` from `start` to `end`."""
        if text := self.turn.text[start:end]:
            yield TextDelta(text)
        if self.turn.call is not None:
            place = self.written.index(self.arguments, len(self.turn.text))
            piece = self.arguments[max(start - place, 0) : max(end - place, 0)]
            if piece:
                yield ToolCallDelta(0, self.turn.call.name, piece)


async def forced_replies(
    session: aiohttp.ClientSession, turns: Sequence[Turn], headers: Headers
) -> tuple[ForcedReply, ...]:
    """Return the replies as this engine has to write them, so that the next prompt repeats them."""
    return tuple([await _forced(session, turn, headers) for turn in turns])


class _Rendered(Struct):
    prompt: str


class _Tokenized(Struct):
    tokens: tuple[int, ...]


async def _forced(session: aiohttp.ClientSession, turn: Turn, headers: Headers) -> ForcedReply:
    opening = await _rendered(session, headers, [])
    with_reply = await _rendered(session, headers, [_message(turn), {"role": "user", "content": MARKS[1]}])
    between = await _rendered(session, headers, [_said(MARKS[0]), {"role": "user", "content": MARKS[1]}])
    beginning, _, rest = between.partition(MARKS[0])
    ending = rest[: rest.index(MARKS[1])]
    assert beginning == opening, f"the template begins replies in two ways: {opening!r} and {beginning!r}"
    written = with_reply[len(opening) : with_reply.rindex(ending + MARKS[1])]
    counted = await _post(session, headers, "/tokenize", {"content": written, "parse_special": True})
    tokens = msgspec_json.decode(counted, type=_Tokenized).tokens
    return ForcedReply(turn, written, _arguments(written, turn), tokens)


def _message(turn: Turn) -> Mapping[str, object]:
    return _said(turn.text) if turn.call is None else {**_said(turn.text), "tool_calls": [_call(turn.call)]}


def _said(text: str) -> Mapping[str, object]:
    return {"role": "assistant", "content": text}


def _call(call: Call) -> Mapping[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": "0" * 32, "type": "function", "function": function}


def _arguments(written: str, turn: Turn) -> str:
    """Return the arguments as the template writes them: JSON that says the same, with other blanks."""
    if turn.call is None:
        return ""
    wanted = json.loads(turn.call.arguments)
    decoder = json.JSONDecoder()
    for place in (at for at, character in enumerate(written) if character == "{"):
        try:
            value, end = decoder.raw_decode(written, place)
        except ValueError:
            continue
        if value == wanted:
            return written[place:end]
    raise AssertionError(f"the template does not write the arguments of a call as JSON: {written!r}")


async def _rendered(session: aiohttp.ClientSession, headers: Headers, replies: Sequence[Mapping[str, object]]) -> str:
    messages = [{"role": "user", "content": "A question."}, *replies]
    body = {"messages": messages, "tools": [TOOL], "add_generation_prompt": True}
    return msgspec_json.decode(await _post(session, headers, "/apply-template", body), type=_Rendered).prompt


async def _post(session: aiohttp.ClientSession, headers: Headers, path: str, body: Mapping[str, object]) -> bytes:
    async with session.post(path, json=body, headers=headers, raise_for_status=True) as response:
        return await response.read()
