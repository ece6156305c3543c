"""The bodies that are played, each of a kind that once stopped every other request, and new ones that are drawn."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from tests.parts.pdf_files import pdf_bomb, pdf_of

from .replies import REPLIES, reply

HEAD = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n%b"
CLOSE = b"Connection: close\r\n"
LENGTH = b"Content-Length: %d\r\n" + CLOSE + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n" + CLOSE + b"\r\n"


PNG_START = "iVBORw0KGgoA"
"""The base64 of a PNG's signature: what has none is no picture, and is not sent on."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A request, and over how many connections at once it is sent; `chunk_bytes` for a body in chunks of that size."""

    body: bytes
    path: bytes = b"/v1/messages"
    headers: bytes = b""
    chunk_bytes: int = 0
    connections: int = 1
    pipelined: int = 1
    """How often it is sent on a connection before the answers are read."""

    @property
    def request(self) -> bytes:
        """The request as it is sent."""
        head = HEAD % (self.path, self.headers)
        if self.pipelined > 1:
            whole = replace(self, pipelined=1).request
            return whole.replace(CLOSE, b"") * (self.pipelined - 1) + whole
        if not self.chunk_bytes:
            return head + LENGTH % len(self.body) + self.body
        size = self.chunk_bytes
        chunks = (self.body[at : at + size] for at in range(0, len(self.body), size))
        return head + CHUNKED + b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]) + b"0\r\n\r\n"


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


def _picture(size: int) -> dict[str, object]:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PNG_START + "A" * (size - len(PNG_START))},
    }


def _pdf(file: bytes) -> bytes:
    """Return a message with a PDF."""
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(file).decode()}
    return _message(messages=[_user([{"type": "document", "source": source}])])


def _image(size: int) -> bytes:
    return _message(messages=[_user([_picture(size)])])


def _asking_for(name: str) -> bytes:
    reply(name)  # made in advance: the server of the small requests has the same event loop
    tools = [{**_tool("Does something."), "name": tool} for tool in ("Read", "Write")]
    return _message(messages=[_user(f"{REPLY_TAG}{name}")], tools=tools)


def _document(size: int) -> dict[str, object]:
    data = base64.b64encode(b"word and\n" * (size // 12)).decode()
    return {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": data}}


def _result(content: str, arguments: object = None, name: str = "i") -> bytes:
    use = {"type": "tool_use", "id": name, "name": "t", "input": {} if arguments is None else arguments}
    result = {"type": "tool_result", "tool_use_id": name, "content": content}
    return _message(messages=[_user("Hi"), {"role": "assistant", "content": [use]}, _user([result])])


def _schema(schema: object) -> dict[str, object]:
    return {"name": "t", "description": "Does something.", "input_schema": schema}


def _nested(depth: int, width: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(depth):
        properties = {f"p{number}": {"type": "string"} for number in range(width)}
        schema = {"type": "object", "properties": {**properties, "inner": schema}}
    return schema


def _doubling(times: int) -> dict[str, object]:
    """Return a schema that is twice as large with each reference that is followed."""
    definitions = {
        f"d{number}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{number + 1}"} for name in "ab"}}
        for number in range(times)
    }
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**definitions, f"d{times}": {}}}


def _chain(length: int) -> dict[str, object]:
    definitions: dict[str, object] = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(length)}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**definitions, f"d{length}": {}}}


COUNT = b"/v1/messages/count_tokens"

BODIES: Mapping[str, Callable[[], bytes]] = {
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
    "30 MB of base64 as text": lambda: _saying(b"A" * 30_000_000),
    "30 MB of base64 as model": lambda: _message(model="A" * 30_000_000),
    "30 MB of base64 as role": lambda: _message(messages=[{"role": "A" * 30_000_000, "content": "Hi"}]),
    "a PDF of 500 pages": lambda: _pdf(pdf_of(500)),
    "a PDF of a page that unpacks to 400 MB": lambda: _pdf(pdf_bomb()),
    "a PDF of 3 MB of noise": lambda: _pdf(Random(1).randbytes(3_000_000)),
    "300 images of 100 kB": lambda: _message(messages=[_user([_picture(100_000)] * 300)]),
    "a text document of 30 MB": lambda: _message(messages=[_user([_document(30_000_000)])]),
    "a text document of 2 MB": lambda: _message(messages=[_user([_document(2_000_000)])]),
    "6 MB of invalid JSON": lambda: _saying(b"word and " * 680_000)[:-1],
    "6 MB of half surrogates, 10 %": lambda: _saying((rb"\ud83d" + b"a" * 54) * 100_000),
    "6 MB of invalid escapes": lambda: _saying(rb"\x" * 3_000_000),
    "6 MB of prose": lambda: _saying(b"word and " * 680_000),
    "6 MB of emoji": lambda: _saying("😀".encode() * 1_500_000),
    "a million escapes": lambda: _saying(rb"\u0041" * 1_000_000),
    "5 MB of short lines": lambda: _saying(rb"a b c d e\n" * 480_000),
    "4 MB of markup": lambda: _saying(b"<a href='b'>`c`</a> ## " * 180_000),
    "6 MB in the system prompt": lambda: _message(system="word and\n" * 600_000),
    "6 MB in a result": lambda: _result("word and\n" * 600_000),
    "6 MB in the arguments of a call": lambda: _result("a", {"data ": "word and\n" * 600_000}),
    "6 MB of digits in a number": lambda: OPENING + b'"x":' + b"1" * 6_000_000 + b"," + SAYING % b"Hi",
    "3 million integers": lambda: _message(metadata={"x": [1] * 3_000_000}),
    "190,000 integers in a call": lambda: _result("a", {"x": list(range(190_000))}),
    "1,500 numbers of 4,000 digits": lambda: _result("a", {"x": ["#"]}).replace(
        b'"#"', b",".join([b"1" * 4_000] * 1_500)
    ),
    "49,000 empty objects in a call": lambda: _result("a", {"x": [{}] * 49_000}),
    "79,000 keys in a call": lambda: _result("a", {f"k{number}": number for number in range(79_000)}),
    "12,000 text blocks": lambda: _message(messages=[_user([{"type": "text", "text": "a"}] * 12_000)]),
    "12,000 text blocks with cache_control": lambda: _message(
        messages=[_user([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 12_000)]
    ),
    "12,000 blocks of instructions": lambda: _message(system=[{"type": "text", "text": "a # b\n"}] * 12_000),
    "12,000 thinking blocks": lambda: _message(
        messages=[
            _user("Hi"),
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "a"}] * 12_000},
            _user("a"),
        ]
    ),
    "12,000 unknown blocks": lambda: _message(messages=[_user([{"type": "search_result", "title": "a"}] * 12_000)]),
    "9,000 turns that alternate": lambda: _turns(4_500, "a"),
    "3,000 calls with results": lambda: _calls(3_000),
    "a call with an id of 5 MB": lambda: _result("a", {}, "i" * 2_500_000),
    "a tool with a name of 5 MB": lambda: _message(tools=[{**_tool("a"), "name": "t" * 5_000_000}]),
    "5,000 tools": lambda: _message(
        tools=[{**_tool("Does something."), "name": f"t{number}"} for number in range(5_000)]
    ),
    "5,000 tools with one name": lambda: _message(tools=[_tool("Does something.")] * 5_000),
    "a schema 100 deep and 100 wide": lambda: _message(tools=[_schema(_nested(100, 100))]),
    "a schema of 4,000 alternatives": lambda: _message(
        tools=[_schema({"type": "object", "anyOf": [{"properties": {"a": {"const": n}}} for n in range(4_000)]})]
    ),
    "references that double 30 times": lambda: _message(tools=[_schema(_doubling(30))]),
    "references in a chain of 10,000": lambda: _message(tools=[_schema(_chain(10_000))]),
    "a schema that refers to itself": lambda: _message(
        tools=[_schema({"type": "object", "properties": {f"p{n}": {"$ref": "#"} for n in range(2_000)}})]
    ),
    "patterns that backtrack": lambda: _message(
        tools=[
            _schema(
                {
                    "type": "object",
                    "properties": {f"p{n}": {"type": "string", "pattern": "^(a+)+$"} for n in range(2_000)},
                }
            )
        ]
    ),
    "a pattern of 1 MB": lambda: _message(
        tools=[_schema({"type": "object", "properties": {"p": {"type": "string", "pattern": "(a|b)*" * 170_000}}})]
    ),
    "an enum of 100,000 values": lambda: _message(
        tools=[_schema({"type": "object", "properties": {"p": {"enum": [f"v{n}" for n in range(100_000)]}}})]
    ),
    "a reply's schema of 120 kB": lambda: _message(
        output_config={"format": {"type": "json_schema", "schema": _nested(20, 150)}}
    ),
    "metadata of 120 kB": lambda: _message(metadata={"user_id": "a" * 120_000}),
    "a backend's page of 5 MB": lambda: _message(messages=[_user(NO_MODEL_TAG)]),
    **{f"a reply of {name}": partial(_asking_for, name) for name in REPLIES},
}


def _of(body: Callable[[], bytes]) -> Callable[[], Attack]:
    return lambda: Attack(body())


ATTACKS: Mapping[str, Callable[[], Attack]] = {
    **{name: _of(body) for name, body in BODIES.items()},
    "20 MB of an image, tokens counted": lambda: Attack(_image(20_000_000), COUNT),
    "6 MB of prose, tokens counted": lambda: Attack(_saying(b"word and " * 680_000), COUNT),
    "1 MB in chunks of a byte": lambda: Attack(_saying(b"a" * 1_000_000), chunk_bytes=1),
    "60 kB in chunks of four bytes": lambda: Attack(_saying(b"a" * 60_000), chunk_bytes=4),
    "6 MB in chunks of 16 bytes": lambda: Attack(_saying(b"a" * 6_000_000), chunk_bytes=16),
    "3 MB of prose over eight connections": lambda: Attack(_saying(b"word and " * 330_000), connections=8),
    "20 MB of an image over four connections": lambda: Attack(_image(20_000_000), connections=4),
    "500 requests at once on a connection": lambda: Attack(_saying(b"Hi"), pipelined=500),
    "500 invalid requests at once on a connection": lambda: Attack(b"{", pipelined=500),
    "100 headers of 8 kB": lambda: Attack(
        _saying(b"Hi"), headers=b"".join(b"x-%d: %b\r\n" % (n, b"a" * 8_000) for n in range(100))
    ),
}
"""What each is, and the attack."""


def drawn(seed: int, count: int) -> Iterator[tuple[str, Attack]]:
    """Yield new bodies: a unit or two of syntax, repeated at some place of a request, closed or not."""
    rng = Random(seed)
    for _ in range(count):
        units = "".join(rng.choices(UNITS, k=rng.randint(1, 2)))
        size = rng.choice((15_000, 100_000, 1_000_000, 8_000_000))
        place = rng.randrange(len(PLACES))
        text = PLACES[place](units * (size // len(units.encode())))
        yield (
            f"drawn: {units!r} in place {place}, {size:,} bytes",
            Attack(OPENING + text.encode(errors="surrogatepass")),
        )
