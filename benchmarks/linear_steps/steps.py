"""The steps over text and JSON whose work is counted, each with the inputs that are known to cost most."""

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

from benchmarks.linear_steps import shapes
from benchmarks.linear_steps.thunk import Thunk
from msgspec import Struct

from anyclaude.dialects import dialect_named
from anyclaude.dialects.openai_chat.rejections import rejection, rejection_of_body
from anyclaude.filters import (
    FilterContext,
    FilterFactory,
    chain_for,
    checked_calls,
    endless_arguments,
    endless_reply,
    stop_sequences,
    written_replies,
)
from anyclaude.profiles import error_wordings
from anyclaude.profiles.table import profile_named
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta
from anyclaude.protocol.json_values import decode_json, decode_json_sequence, decode_lenient_json, with_whole_characters
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import Tool, decode_request
from anyclaude.protocol.splice import Splice
from anyclaude.protocol.sse import SseDecoder
from anyclaude.tool_schemas import OfferedTools, read_arguments, read_leniently
from anyclaude.tool_schemas.grammar_schema import is_simple_pattern
from anyclaude.transforms import compacted_opening, repetition, system_sections, tool_text

Worst: TypeAlias = tuple[str, str, str]
"""An input of any length: its beginning, a unit that is repeated, and its end."""

PROFILE = profile_named("llamacpp")
PIECE = 4
"""The characters in which a reply arrives: about one token."""

READ = Tool(
    "Read",
    "Reads.",
    {"type": "object", "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}}},
)
WRITE = Tool(
    "Write",
    "Writes.",
    {
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}, "lines": {"type": "array"}},
        "required": ["file_path"],
    },
)
TOOLS = (READ, WRITE)
REPLY: tuple[FilterFactory, ...] = (endless_arguments, written_replies, checked_calls, endless_reply, stop_sequences)

JSON = ('"', "\\", '\\"', "{", "}", "[", "]", ",", ":", "a", "0", " ", "\n", "null", "NaN", "\\u00e9", "'", "/*", "//")
HALVES = ("\\ud83d", "\\ude00", "\\\\", "\\u0061", "a", '"')
MARKDOWN = ("# a\n", "## b\n", "- a\n", "- `a`\n", "`a` ", "```\n", "a.\n\n", "a:\n", " ", "\n", "1. a\n", "x_y ", ".)")
TAGS = (
    *("<tool_call>", "</tool_call>", '{"name": "Read", "arguments": {', '{"name": "Read", "arguments": {}}', "}}", '"'),
    *(
        "<function=Read>",
        "</function>",
        "<parameter=file_path>",
        "</parameter>",
        "<think>",
        "</think>",
        "`",
        "```",
        "\n",
    ),
    *("<tool_use>", "<tool_name>Read</tool_name>", "<file_path>", "</file_path>", "{", "[", " ", "a", "\\", "'", "\\'"),
    *("[Read(", "Read(file_path='a')", ")", ",", ": ", "step 1 ", "Example: ", "<|channel|>", "<|message|>", "<", "<t"),
    *(
        "<invoke",
        ' name="Read">',
        "[TOOL_CALLS]",
        "functools",
        "Action: Read\n",
        "<|tool_call>call:Read{",
        "<|tool_calls",
    ),
)
EVENTS = ("data: ", "data:", "{}", "\n", "\r", "\n\n", " ", "[DONE]", "done", '"', "\\", '\\"', "{", "[", "a", "event:")
PAGES = ("<script", "<script>", "</script>", "<style>", "<title>", "</title", "<", ">", " ", "a", "<h1>", "&amp;", "\n")
WORDS = (
    "error ",
    "invalid ",
    "fail",
    "model ",
    "{",
    '"message": "',
    '"',
    "step 1 ",
    "context ",
    "1",
    ",",
    "a",
    " ",
    "-",
)


class Step(Struct, frozen=True):
    """One step: what it does with an input, the syntax that it looks for, and the worst known inputs."""

    prepare: Callable[[str], Thunk]
    syntax: Sequence[str]
    worst: Sequence[Worst] = ()


def pieces_of(text: str, size: int = PIECE) -> list[str]:
    """Return a text in pieces."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def plain(function: Callable[[str], object]) -> Callable[[str], Thunk]:
    """Return a step that is one call of a function."""
    return lambda text: lambda: function(text)


def encoded(function: Callable[[bytes], object]) -> Callable[[str], Thunk]:
    """Return a step that is one call of a function of bytes."""

    def prepare(text: str) -> Thunk:
        body = text.encode("utf-8", "surrogatepass")
        return lambda: function(body)

    return prepare


def filtered(
    factories: Sequence[FilterFactory],
    delta: Callable[[str], Delta],
    size: int = PIECE,
    *,
    stops: tuple[str, ...] = ("aaaaaaab", "END"),
    is_forced: bool = False,
) -> Callable[[str], Thunk]:
    """Return a step in which a reply passes filters in pieces and becomes events."""

    def prepare(text: str) -> Thunk:
        deltas = [delta(piece) for piece in pieces_of(text, size)]
        context = FilterContext(TOOLS, PROFILE, "m", stop_sequences=stops, is_call_forced=is_forced)

        def run() -> None:
            chain, stream, events = chain_for(context, factories), new_stream(), Accumulator()
            assert chain is not None
            events.take(stream.open())
            for one in deltas:
                events.take(stream.feed(chain.feed([one])))
            events.take(stream.feed(chain.feed([Finished("end_turn")])))
            events.take(stream.feed(chain.finish()))
            events.take(stream.close())

        return run

    return prepare


def new_stream() -> MessageStream:
    """Return an empty message."""
    return MessageStream("msg", "m", iter(map(str, range(10**9))).__next__)


def decoded(size: int) -> Callable[[str], Thunk]:
    """Return a step in which the bytes of a reply are decoded in pieces."""

    def prepare(text: str) -> Thunk:
        body = text.encode("utf-8", "surrogatepass")
        chunks = [body[at : at + size] for at in range(0, len(body), size)]

        def run() -> None:
            decoder = dialect_named("openai_chat").decoder("", TOOLS)
            for chunk in chunks:
                decoder.feed(chunk)
            decoder.finish()

        return run

    return prepare


def chunked(field: str) -> Callable[[str], Thunk]:
    """Return a step in which a text arrives in a field of each chunk."""

    def prepare(text: str) -> Thunk:
        written = (json.dumps(shapes.chunk(field, piece)) for piece in pieces_of(text))  # halves of a character, too
        chunks = [f"data: {chunk}\n\n".encode() for chunk in written]

        def run() -> None:
            decoder = dialect_named("openai_chat").decoder("", TOOLS)
            for chunk in chunks:
                decoder.feed(chunk)
            decoder.feed(b'data: {"choices":[{"finish_reason":"stop"}]}\n\n')
            decoder.finish()

        return run

    return prepare


def spliced(text: str) -> Thunk:
    """Return a reply that is compared with a second attempt in pieces."""
    deltas = [TextDelta(piece) for piece in pieces_of(text)]

    def run() -> None:
        splice = Splice([TextDelta(text), ThinkingDelta("end")])
        for delta in deltas:
            splice.feed([delta])

    return run


def events_of(text: str) -> Thunk:
    """Return the decoding of an event stream in pieces."""
    chunks = [piece.encode("utf-8", "surrogatepass") for piece in pieces_of(text)]

    def run() -> None:
        decoder = SseDecoder(keeps_unknown_lines=True)
        for chunk in chunks:
            decoder.feed(chunk)
        decoder.flush()

    return run


def written_call(text: str) -> ToolCallDelta:
    """Return a piece of a call's arguments."""
    return ToolCallDelta(0, "Write", text)


def checked(text: str) -> object:
    """Return a call with these arguments, checked against its tool."""
    return OfferedTools(TOOLS).checked("Write", text)


def named(text: str) -> object:
    """Return the tool that a name means."""
    return OfferedTools((*TOOLS, Tool(text, "", {}))).named(f"x{text}")


STEPS: dict[str, Step] = {
    "JSON": Step(
        encoded(decode_json),
        (*JSON, *HALVES),
        (('["', "\\\\", '\\ud83d"]'), ('["', "\\ud83d", '"]'), ("[", "[],", "[]]")),
    ),
    "lenient JSON": Step(encoded(decode_lenient_json), JSON, (('NaN"', '\\"', ""), ("[NaN", " ", "]"))),
    "JSON in sequence": Step(encoded(decode_json_sequence), JSON, (("", "{} ", ""), ("{}", " ", "{}"), ("", "[", ""))),
    "whole characters": Step(plain(with_whole_characters), ("\udc80", "\udcc3", "\ud83d", "\ude00", "a", "é")),
    "request": Step(
        lambda text: encoded(decode_request)(
            '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"' + text + '"}]}'
        ),
        HALVES,
    ),
    "system prompt": Step(
        plain(lambda text: system_sections.shorter(text, "minimal")),
        (
            *MARKDOWN,
            "- This iteration of Claude is Claude\n",
            "# Memory\n",
            "You have a persistent file-based memory at\n",
        ),
        (
            ("", "# a\n", ""),
            ("# a\n", "- This iteration of Claude is Claude\n", ""),
            ("# a\n" + "x" * 40_000 + "\n", "- This iteration of Claude is Claude\n", ""),
            ("#" + " " * 20_000 + "\n", "a\n", ""),
        ),
    ),
    "reminder": Step(
        plain(
            lambda text: system_sections.shorter_reminder(
                "- claude: Catch-all for any task that doesn't fit\n" + text, "lean"
            )
        ),
        MARKDOWN,
    ),
    "compacted opening": Step(
        plain(compacted_opening.in_order),
        ("\n\n", "\n", " ", *compacted_opening.OPENINGS),
        (("", "\n\n# Environment\n", ""), ("", "\n# Environment\n", ""), ("", "\n", "")),
    ),
    "tool description": Step(
        plain(lambda text: tool_text.shortened(text, 1_300, ("a", "x_y", "limit"))),
        MARKDOWN,
        (("A.\n\n", "- `a`\n", ""), ("A.\n\n", "`a` ", ""), ("# a\n\n", "x_y\n\n", "")),
    ),
    "volatile text": Step(
        plain(repetition.without_volatile), ("<system-reminder>", "</system-reminder>", "<total_tokens>", "a")
    ),
    "error words": Step(
        plain(lambda text: (error_wordings.overflow(text), error_wordings.is_bad_sample(text, is_servers_fault=True))),
        (*WORDS, "prompt ", "too long", "tokens "),
    ),
    "refusal": Step(
        encoded(lambda body: rejection(400, body, None, PROFILE)),
        (*PAGES, *WORDS),
        (("", "<script", ""), ("<", "a ", "")),
    ),
    "refusal under 200": Step(encoded(rejection_of_body), (*PAGES, *WORDS, *JSON), (("a", " ", ""),)),
    "reply, bytes at once": Step(
        decoded(10**9), (*EVENTS, *PAGES, *JSON), (('{"a":"', '\\"', ""), ("data: ", "data:", "\n\n"))
    ),
    "reply, bytes in pieces": Step(
        decoded(PIECE),
        (*EVENTS, *PAGES),
        (("<title", "a", ""), ("<title>", "<h1> ", ""), ("", " ", ""), ("data: a", " ", "b\n\n")),
    ),
    "text in chunks": Step(chunked("content"), ("a", "\ud83d", "é")),
    "reasoning details in chunks": Step(chunked("reasoning_details"), ("a",), (("", "a", ""),)),
    "arguments in chunks": Step(chunked("arguments"), JSON, (('{"a":["', "  {}", ""), ("{}", "  {}", ""))),
    "events": Step(events_of, EVENTS),
    "splice": Step(spliced, ("a", "ab"), (("", "a", ""),)),
    "written reply": Step(
        filtered((written_replies,), TextDelta),
        TAGS,
        (
            ("", '<tool_call>{ \\"a</tool_call>', ""),
            ("", "<function=Read><parameter=file_path>1</function>", ""),
            ("<tool_call>", '[{"name": "Read", "arguments": {}}]', "</tool_call>"),
            ('<tool_call>{"name": "Read", "arguments": {}}', "</tool_call>", ""),
            ("", "<tool_use><tool_name>Read</tool_name></tool_use>", ""),
            ("Step 1", " step 1", " z: <tool_call>"),
        ),
    ),
    "written reply at once": Step(
        filtered((written_replies,), TextDelta, 10**9),
        TAGS,
        (
            ("<think>a", " ", "b</think>"),
            ("<tool_code>", "Read(1)\n", "</tool_code>"),
            ("[", "Read(1), ", "Read(1)]"),
            ("<tool_code>Read('", "\\'", ")</tool_code>"),
        ),
    ),
    "forced call": Step(filtered((written_replies, endless_arguments), TextDelta, is_forced=True), TAGS),
    "reply through all filters": Step(filtered(REPLY, TextDelta), TAGS),
    "thinking through all filters": Step(filtered(REPLY, ThinkingDelta), TAGS),
    "arguments through all filters": Step(
        filtered(REPLY, written_call),
        JSON,
        (('{"file_path": 1, "lines": [', "1,", "1]}"), ('{"content": "', '\\"', "")),
    ),
    "long stop sequence": Step(
        lambda text: filtered((stop_sequences,), TextDelta, 1, stops=("a" * (len(text) // 2) + "b",))(text),
        ("a", "b", "ab"),
        (("", "a", ""),),
    ),
    "arguments": Step(plain(read_arguments), JSON, (('{"a": "', '\\"', ""), ('{"a": ', "[", ""), ("", "{}", ""))),
    "lenient arguments": Step(
        plain(read_leniently),
        (*JSON, "'''", '"""', "“", "True", "#"),
        (
            ("[", "/*", ""),
            ("[", "/**/ ", "1]"),
            ("{", "'a': 1, ", "}"),
            ('{"a": "', '\\"', '"}'),
            ('{"a": "', 'say "b", ', '"}'),
            ('["""', "a\n", '"""]'),
        ),
    ),
    "checked arguments": Step(
        plain(checked), JSON, (('{"file_path": [', "1,", '1], "content": 5}'), ('{"file_path": "a"', ',"a":1', "}"))
    ),
    "tool name": Step(plain(named), ("mcp__", "a", "__", "-", ".", "functions.", "\n"), (("mcp__a", "__a", "\n"),)),
    "pattern of a schema": Step(
        plain(is_simple_pattern),
        ("^", "$", "a", "(", ")", "[", "]", "*", "\\d", "|", "{1}"),
        (("^", "a", "$"), ("^(", "a|", "a)$"), ("^", "(a|b)*", "$"), ("^[", "a-z", "]$"), ("^", "a", "{")),
    ),
}
"""By name."""
