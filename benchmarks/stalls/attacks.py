"""The bodies that are played, each of a kind that once stopped every other request, and new ones that are drawn."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random

from .replies import REPLIES, reply

OPENING = b'{"model":"m","max_tokens":9,"stream":true,'
SAYING = b'"messages":[{"role":"user","content":"%b"}]}'

NO_MODEL_TAG = "attack: no model"
"""The mock backend answers a prompt that has this with a large page in place of an error."""
REPLY_TAG = "attack: reply of "
"""And one that ends with this and the name of a reply with that reply."""

UNITS = (
    *('{"a":', "[", '["a",', '{"type":"text","text":"a"},', '{"role":"user","content":"a"},', '{"name":"t"},'),
    *("\\\\", "\\ud83d", "\\n# a\\n", "`a` ", "<script", "<b>", "| a |", "a", "1", "1.5e9,", "é", "😀", " ", "\\u0000"),
    *('"a":1,', "null,", "&amp;", "--", "```\\n", "<tool_call>", "(((", "a,b;", "http://a.b/", "{{", "}}"),
)
"""The syntax that the steps of a preparation look for."""

PLACES: tuple[Callable[[str], str], ...] = (
    lambda text: f'"messages":[{{"role":"user","content":"{text}"}}]}}',
    lambda text: f'"system":"{text}","messages":[{{"role":"user","content":"a"}}]}}',
    lambda text: (
        f'"tools":[{{"name":"t","description":"{text}","input_schema":{{"type":"object"}}}}],'
        '"messages":[{"role":"user","content":"a"}]}'
    ),
    lambda text: f'"messages":[{{"role":"user","content":[{text}]}}]}}',
    lambda text: f'"messages":[{text}]}}',
    lambda text: f'"metadata":{text},"messages":[{{"role":"user","content":"a"}}]}}',
)


def _saying(text: bytes) -> bytes:
    return OPENING + SAYING % text


def _message(**fields: object) -> bytes:
    whole = {"model": "m", "max_tokens": 9, "stream": True, "messages": [_user("Hi")], **fields}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def _user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def _tool(description: str, parameters: int = 0) -> dict[str, object]:
    properties = {f"parameter_{number}": {"type": "string"} for number in range(parameters)}
    return {"name": "t", "description": description, "input_schema": {"type": "object", "properties": properties}}


def _calls(count: int) -> bytes:
    uses = [{"type": "tool_use", "id": f"i{number}", "name": "t", "input": {}} for number in range(count)]
    results = [{"type": "tool_result", "tool_use_id": f"i{number}", "content": "r"} for number in range(count)]
    return _message(messages=[_user("Hi"), {"role": "assistant", "content": uses}, _user(results)])


def _turns(count: int, text: str) -> bytes:
    pairs = [_user(text), {"role": "assistant", "content": text}] * count
    return _message(messages=[*pairs, _user("Go on.")])


def _image(size: int) -> bytes:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * size}
    return _message(messages=[_user([{"type": "image", "source": source}])])


def _asking_for(name: str) -> bytes:
    reply(name)  # made in advance: the server of the small requests has the same event loop
    tools = [{**_tool("Does something."), "name": tool} for tool in ("Read", "Write")]
    return _message(messages=[_user(f"{REPLY_TAG}{name}")], tools=tools)


ATTACKS: Mapping[str, Callable[[], bytes]] = {
    "a description with 14,000 code spans": lambda: _message(tools=[_tool("`a` " * 14_000)]),
    "a description with 250,000 code spans": lambda: _message(tools=[_tool("`a` " * 250_000)]),
    "65,536 headings in the system prompt": lambda: _message(system="# a\n" * 65_536),
    "a million headings in the system prompt": lambda: _message(system="# a\n" * 1_000_000),
    "3,000 parameters and 0.5 MB of text": lambda: _message(tools=[_tool("word " * 100_000, 3_000)]),
    "9,000 calls with results": lambda: _calls(9_000),
    "50,000 calls with results": lambda: _calls(50_000),
    "10,000 turns": lambda: _turns(5_000, "a"),
    "100,000 turns": lambda: _turns(50_000, "a"),
    "100,000 text blocks": lambda: _message(messages=[_user([{"type": "text", "text": "a"}] * 100_000)]),
    "600 text blocks": lambda: _message(messages=[_user([{"type": "text", "text": "a"}] * 600)]),
    "30 MB of escaped backslashes": lambda: _saying(rb"\\" * 15_000_000),
    "8 MB of escaped backslashes": lambda: _saying(rb"\\" * 4_000_000),
    "30 MB of half surrogates": lambda: _saying(rb"\ud83d" * 5_000_000),
    "8 MB of half surrogates": lambda: _saying(rb"\ud83d" * 1_300_000),
    "5 million empty arrays": lambda: OPENING + b'"x":[' + b"[]," * 5_000_000 + b"[]]," + SAYING % b"Hi",
    "40,000 empty arrays": lambda: OPENING + b'"x":[' + b"[]," * 40_000 + b"[]]," + SAYING % b"Hi",
    "a million keys": lambda: _message(metadata={f"k{number}": number for number in range(1_000_000)}),
    "10,000 keys": lambda: _message(metadata={f"k{number}": number for number in range(10_000)}),
    "an array 100,000 deep": lambda: OPENING + b'"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + SAYING % b"Hi",
    "30 MB of blanks": lambda: OPENING + b" " * 30_000_000 + SAYING % b"Hi",
    "8 MB of digits": lambda: _saying(b"0123456789" * 800_000),
    "8 MB of prose": lambda: _saying(b"word and " * 880_000),
    "20 MB of prose": lambda: _saying(b"word and " * 2_200_000),
    "8 MB of emoji": lambda: _saying("😀".encode() * 2_000_000),
    "an image of 20 MB": lambda: _image(20_000_000),
    "an image of 2 MB": lambda: _image(2_000_000),
    "a conversation of 0.8 MB": lambda: _turns(40, "word " * 2_000),
    "1,000 tools": lambda: _message(
        tools=[{**_tool("Does something.", 5), "name": f"tool_{number}"} for number in range(1_000)]
    ),
    "100,000 stop sequences": lambda: _message(stop_sequences=[f"s{number}" for number in range(100_000)]),
    "256 stop sequences": lambda: _message(stop_sequences=[f"s{number}" for number in range(256)]),
    "a backend's page of 5 MB": lambda: _message(messages=[_user(NO_MODEL_TAG)]),
    **{f"a reply of {name}": partial(_asking_for, name) for name in REPLIES},
}
"""What each is, and its body."""


def drawn(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield new bodies: a unit or two of syntax, repeated at some place of a request, closed or not."""
    rng = Random(seed)
    for _ in range(count):
        units = "".join(rng.choices(UNITS, k=rng.randint(1, 2)))
        size = rng.choice((15_000, 100_000, 1_000_000, 8_000_000))
        place = rng.randrange(len(PLACES))
        text = PLACES[place](units * (size // len(units.encode())))
        yield f"drawn: {units!r} in place {place}, {size:,} bytes", OPENING + text.encode(errors="surrogatepass")
