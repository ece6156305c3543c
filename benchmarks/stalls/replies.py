"""The replies that are played: what a server may send, of each kind that once stopped every other request."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from random import Random

FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
LETTERS = "".join(f"{number} " for number in range(200_000))
"""A megabyte that does not repeat itself."""


_string = lru_cache(json.dumps)


def _event(data: str) -> str:
    return f"data: {data}\n\n"


def _chunk(**delta: object) -> str:
    return _event(json.dumps({"choices": [{"index": 0, "delta": delta}]}, separators=(",", ":")))


def _in_pieces(text: str, characters: int, field: str = "content") -> Iterable[str]:
    before, after = _chunk(**{field: "?"}).split('"?"')
    return (before + _string(text[at : at + characters]) + after for at in range(0, len(text), characters))


def _call(number: int, name: str, arguments: str) -> dict[str, object]:
    return {"index": number, "id": f"call_{number}", "function": {"name": name, "arguments": arguments}}


def _call_in_pieces(arguments: str, characters: int) -> Iterable[str]:
    yield _chunk(tool_calls=[_call(0, "Write", "")])
    before, after = _chunk(tool_calls=[{"index": 0, "function": {"arguments": "?"}}]).split('"?"')
    for at in range(0, len(arguments), characters):
        yield before + _string(arguments[at : at + characters]) + after


def _numbers(count: int) -> str:
    rng = Random(1)
    return json.dumps({"lines": [rng.randrange(10**6) for _ in range(count)]})


REPLIES: Mapping[str, Callable[[], Iterable[str]]] = {
    "1 MB in pieces of a character": lambda: _in_pieces(LETTERS, 1),
    "1 MB of thinking in pieces of a character": lambda: _in_pieces(LETTERS, 1, "reasoning_content"),
    "80,000 openings of calls in a line": lambda: _in_pieces("<tool_call>1" * 80_000, 12),
    "20,000 openings of calls in chunks of 4 KB": lambda: _in_pieces("a i <function=a>" * 20_000, 4_000),
    "20,000 fences in chunks of 4 KB": lambda: _in_pieces("```\n{\n" * 20_000, 4_000),
    "10,000 lists of calls, each in a line with text": lambda: _in_pieces('[{"name": "Read"}] a\n' * 10_000, 4_000),
    "a call of 1 MB in pieces of a character": lambda: _call_in_pieces(json.dumps({"content": LETTERS}), 1),
    "a call with 190,000 numbers": lambda: _call_in_pieces(_numbers(190_000), 1_000),
    "a call with 40,000 arguments": lambda: _call_in_pieces(
        json.dumps(dict.fromkeys(map(str, range(40_000)), 1)), 1_000
    ),
    "a call of 4 MB in a line": lambda: _call_in_pieces(json.dumps({"content": LETTERS * 3}), 5_000_000),
    "256 calls in a line": lambda: [_chunk(tool_calls=[_call(at, "Read", '{"path":"a"}') for at in range(256)])],
    "256 calls that do not fit": lambda: (_chunk(tool_calls=[_call(at, "Read", '{"path":1}')]) for at in range(256)),
    "1,300,000 empty objects in a line": lambda: [_event('{"choices":[],"usage":{"x":[' + "{}," * 1_300_000 + "{}]}}")],
    "600,000 halves of characters in a line": lambda: [
        _event(json.dumps({"choices": [{"delta": {"content": "\ud83d" * 600_000}}]}))
    ],
    "a million comments": lambda: [":\n" * 1_000_000],
    "300,000 empty lines of data": lambda: ["data:\n\n" * 300_000],
    "20,000 chunks whose text is a list": lambda: (
        _chunk(content=[{"type": "text", "text": "a"}]) for _ in range(20_000)
    ),
    "a line of 16 MB": lambda: ["data: " + "a" * 16_000_000],
}
"""What each is, and its events."""


@cache
def reply(name: str) -> bytes:
    """Return the bytes of a reply with its end."""
    return "".join(REPLIES[name]()).encode() + FINISH
