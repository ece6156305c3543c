"""Requests and replies of many parts, whose work must be linear in their number."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from benchmarks.linear_steps.thunk import Thunk

from anyclaude.dialects import dialect_named
from anyclaude.filters import FilterContext, chain_for, checked_calls
from anyclaude.filters.written.filter import written_replies
from anyclaude.profiles.table import profile_named
from anyclaude.protocol.content import TextBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.deltas import Finished, TextDelta, ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.tool_schemas import OfferedTools, for_grammar, names_by_wire_name, portable_schema
from anyclaude.tool_schemas.syntax import read_arguments
from anyclaude.transforms import (
    ClearedToolUses,
    OriginalCalls,
    PromptContext,
    RepetitionFinder,
    RepetitionNote,
    RoundResults,
    ShorterTools,
    StableToolOrder,
    Transform,
)

PROFILE = profile_named("llamacpp")
CLEARING: JsonObject = {
    "edits": [{"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 1_000_000}}]
}


def chunk(field: str, piece: str) -> JsonObject:
    """Return a chunk of a reply that has a piece of text in a field."""
    parts: dict[str, JsonObject] = {
        "content": {"content": piece},
        "reasoning_details": {"reasoning_details": [{"type": "reasoning.text", "text": piece}]},
        "arguments": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "Write", "arguments": piece}}]},
    }
    return chunk_with(parts[field])


def chunk_with(delta: JsonObject) -> JsonObject:
    """Return a chunk with a delta."""
    return {"choices": [{"delta": delta}]}


def request(
    *turns: Turn, tools: tuple[Tool, ...] = (), context_management: JsonObject | None = None
) -> MessagesRequest:
    """Return a request."""
    return MessagesRequest(model="m", max_tokens=1, messages=turns, tools=tools, context_management=context_management)


def encoded(made: MessagesRequest) -> Thunk:
    """Return the encoding of a request."""
    return lambda: dialect_named("openai_chat").encode_request(made, "m", PROFILE)


def transformed(transform: Transform, made: MessagesRequest, context: PromptContext) -> Thunk:
    """Return a transform of a request."""
    return lambda: transform(made, context)


def call(at: int) -> ToolUseBlock:
    """Return a call."""
    return ToolUseBlock(f"toolu_{at}", "Read", {"file_path": f"/{at}"})


def result(at: int) -> ToolResultBlock:
    """Return its result."""
    return ToolResultBlock(f"toolu_{at}", "text")


def rounds(count: int) -> tuple[Turn, ...]:
    """Return rounds of one call each."""
    return tuple(turn for at in range(count) for turn in (Turn("assistant", (call(at),)), Turn("user", (result(at),))))


def one_round(count: int) -> tuple[Turn, ...]:
    """Return one round of many calls, their results in the opposite order."""
    return (
        Turn("user", "go"),
        Turn("assistant", tuple(map(call, range(count)))),
        Turn("user", tuple(map(result, reversed(range(count))))),
    )


def roles(*several: str, content: str = "some text") -> tuple[Turn, ...]:
    """Return a turn of each role."""
    return tuple(Turn(role, content) for role in several)


def tool_of(count: int, **schema: JsonValue) -> Tool:
    """Return a tool of many parameters."""
    properties: dict[str, JsonValue] = {f"old_name{at}": {"type": "string"} for at in range(count)}
    return Tool(
        "Read", "Use `old_name1`.\n\n" + "text " * count, {"type": "object", "properties": properties, **schema}
    )


def many_tools(count: int) -> tuple[Tool, ...]:
    """Return tools whose names are no names on the wire."""
    return tuple(Tool(f"a.tool.{at}", "d", {"type": "object", "properties": {}}) for at in range(count))


def misnamed_calls(count: int) -> Thunk:
    """Return calls of names with a slip in them, as many as there are tools."""
    offered = OfferedTools(Tool(f"number_{at}_tool", "d", {}) for at in range(count))
    return lambda: [offered.named(f"numbr_{at}_tool") for at in range(count)]


def unknown_arguments(count: int) -> Thunk:
    """Return a call whose arguments all have other names."""
    tool = tool_of(count, additionalProperties=False)
    text = "{" + ",".join(f'"oldName{at}":"a"' for at in range(count)) + "}"
    return lambda: OfferedTools((tool,)).checked("Read", text)


def numbers_for_strings(count: int) -> Thunk:
    """Return a call with numbers in the place of strings."""
    tool = Tool("Read", "d", {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}})
    text = '{"a":[' + ",".join(map(str, range(count))) + "]}"
    return lambda: OfferedTools((tool,)).checked("Read", text)


def unsortable_items(count: int) -> Thunk:
    """Return a call with a list of items that must differ."""
    tool = Tool("Read", "d", {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}})
    text = '{"a":[' + ",".join(f'{at},"{at}"' for at in range(count)) + "]}"
    return lambda: OfferedTools((tool,)).checked("Read", text)


def interleaved_calls(count: int) -> Thunk:
    """Return calls that begin one after the other, and are completed in turn with text between them."""
    begun = [ToolCallDelta(at, "Read", "{") for at in range(count)]
    ended = [delta for at in range(count) for delta in (ToolCallDelta(at, "", "}"), TextDelta("a"))]
    return passing([*begun, *ended], (Tool("Read", "d", {}),))


def calls_that_pass(count: int) -> Thunk:
    """Return calls that are not checked, behind one that is held."""
    return passing(
        [ToolCallDelta(0, "Read", "{"), *(ToolCallDelta(at, "Other", "{}") for at in range(1, count))],
        (Tool("Read", "d", {}),),
    )


def passing(deltas: list[ToolCallDelta | TextDelta], tools: tuple[Tool, ...]) -> Thunk:
    """Return deltas that pass the check of calls and become events."""
    context = FilterContext(tools, PROFILE, "m")

    def run() -> None:
        chain = chain_for(context, (checked_calls,))
        stream = MessageStream("msg", "m", iter(map(str, range(10**9))).__next__)
        assert chain is not None
        stream.open()
        for delta in deltas:
            stream.feed(chain.feed([delta]))
        stream.feed(chain.feed([Finished("tool_use")]))
        stream.close()

    return run


def calls_and_text_in_chunks(count: int) -> Thunk:
    """Return a reply of many calls, and text after them."""
    calls = [chunk_with({"tool_calls": [whole_call(at)]}) for at in range(count)]
    return in_chunks([*calls, *[chunk("content", "a")] * count])


def whole_call(at: int) -> JsonObject:
    """Return a call of a reply."""
    function: JsonObject = {"name": "R", "arguments": "{}"}
    return {"index": at, "id": f"{at}", "function": function}


def in_chunks(chunks: Sequence[JsonValue]) -> Thunk:
    """Return the decoding of chunks."""
    events = [b"data: " + msgspec.json.encode(one) + b"\n\n" for one in chunks]

    def run() -> None:
        decoder = dialect_named("openai_chat").decoder("")
        for event in events:
            decoder.feed(event)
        decoder.feed(b"data: [DONE]\n\n")
        decoder.finish()

    return run


def tagged_parameters(count: int) -> Thunk:
    """Return a written call with as many parameters as the tool has."""
    parameters = "".join(f"<parameter=old_name{at}>a</parameter>" for at in range(count))
    return written(f"<function=Read>{parameters}</function>", (tool_of(count),))


def named_tags(count: int) -> Thunk:
    """Return written calls, as many as the tool has parameters, with tags that bear their names."""
    one = "<tool_use><tool_name>Read</tool_name><old_name0>a</old_name1></old_name0></tool_use>\n"
    return written(one * (count // 8), (tool_of(count),))


def written(text: str, tools: tuple[Tool, ...]) -> Thunk:
    """Return a reply in one piece that passes the filter of written calls."""
    context = FilterContext(tools, PROFILE, "m")

    def run() -> None:
        chain = chain_for(context, (written_replies,))
        assert chain is not None
        chain.feed([TextDelta(text)])
        chain.feed([Finished("end_turn")])

    return run


def chained_references(count: int) -> JsonObject:
    """Return a schema whose parts refer to each other in a chain."""
    parts: dict[str, JsonValue] = {f"a{at}": {"$ref": f"#/$defs/a{at + 1}"} for at in range(count)}
    return {"type": "object", "properties": {}, "$defs": {**parts, f"a{count}": {"type": "string"}}}


def parts_under_a_long_name(count: int) -> JsonObject:
    """Return a schema with many parts below one of a long name."""
    parts: dict[str, JsonValue] = {f"a{at}": {"type": "string"} for at in range(count)}
    return {"type": "object", "properties": {}, "$defs": {"x" * (10 * count): {"$defs": parts}, "y": {"type": "a"}}}


def merged_parts(count: int) -> JsonObject:
    """Return a schema of many parts that count together."""
    parts: list[JsonValue] = [
        {"properties": {f"a{at}": {"type": "string"}}, "required": [f"a{at}"]} for at in range(count)
    ]
    return {"type": "object", "properties": {}, "required": ["a"], "allOf": parts}


def quotes_in_strings(count: int) -> Thunk:
    """Return arguments whose strings have quotes that are not escaped, for a tool of many parameters."""
    text = '{"a": "' + 'say "b" now, ' * min(count, 1_000) + '"}'
    known = frozenset({"a", *(f"name{at}" for at in range(count))})
    return lambda: read_arguments(text, known)


SHAPES: Mapping[str, Callable[[int], Thunk]] = {
    "calls with their results": lambda count: encoded(request(*one_round(count))),
    "rounds of calls": lambda count: encoded(request(Turn("user", "go"), *rounds(count))),
    "turns of the assistant in a row": lambda count: encoded(request(*roles("user", *["assistant"] * count, "user"))),
    "system messages before the assistant's": lambda count: encoded(
        request(*roles(*["system"] * count, *["assistant"] * count, "user"))
    ),
    "texts in one turn of the assistant": lambda count: encoded(
        request(Turn("user", "go"), Turn("assistant", (TextBlock("some text"),) * count), Turn("user", "on"))
    ),
    "many tools": lambda count: encoded(request(Turn("user", "go"), tools=many_tools(count))),
    "names of tools on the wire": lambda count: lambda: names_by_wire_name(many_tools(count)),
    "clearing results": lambda count: transformed(
        ClearedToolUses(),
        request(Turn("user", "go"), *rounds(count), context_management=CLEARING),
        PromptContext(),
    ),
    "repeated calls": lambda count: transformed(
        RepetitionNote(RepetitionFinder()), request(Turn("user", "go"), *rounds(count)), PromptContext(repeated_calls=4)
    ),
    "results of one reply": lambda count: transformed(
        RoundResults(), request(*one_round(count)), PromptContext(diet="lean", context_tokens=8_192)
    ),
    "original calls": lambda count: transformed(
        OriginalCalls(), request(Turn("user", "go"), *rounds(count)), PromptContext(original_calls={})
    ),
    "order of tools": lambda count: transformed(
        StableToolOrder(), request(Turn("user", "go"), tools=many_tools(count)), PromptContext()
    ),
    "description that names many parameters": lambda count: transformed(
        ShorterTools(), request(Turn("user", "go"), tools=(tool_of(count),)), PromptContext(diet="minimal")
    ),
    "misnamed calls": misnamed_calls,
    "arguments of other names": unknown_arguments,
    "numbers in place of strings": numbers_for_strings,
    "items that must differ": unsortable_items,
    "calls that are completed in turn": interleaved_calls,
    "calls that pass a held one": calls_that_pass,
    "calls and text in chunks": calls_and_text_in_chunks,
    "tagged parameters": tagged_parameters,
    "calls in named tags": named_tags,
    "references in a chain": lambda count: lambda: for_grammar(chained_references(count)),
    "parts under a long name": lambda count: lambda: for_grammar(parts_under_a_long_name(count)),
    "parts that count together": lambda count: lambda: portable_schema(merged_parts(count)),
    "quotes in strings": quotes_in_strings,
}
"""By name: what is done with so many parts."""
