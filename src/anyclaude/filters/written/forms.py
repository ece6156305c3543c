"""
The forms in which models write calls and thoughts, each with the text that opens it and the reader of the rest.

Formats are facts of the models' chat templates, and of the parsers of vLLM (`vllm/tool_parsers`, `vllm/reasoning`),
SGLang (`python/sglang/srt/function_call`) and llama.cpp (`common/chat.cpp`), which are named where one is read.  Every
reader starts after the opening, and raises `NotACall` as soon as the text cannot be a call.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from .calls import FoundCall, NotACall, OfferedCalls
from .gemma import read_gemma_calls
from .json_span import Span, read_span
from .python_calls import python_calls
from .source import BLANKS, SPACE, Literals, Reading, Source
from .tagged_parameters import (
    FUNCTION_TAGS,
    GLM_TAGS,
    NO_OUTER,
    Outer,
    ParameterTags,
    invoke_tags,
    read_name,
    read_tagged_call,
)


class Found(Struct, frozen=True):
    """What was read: calls, or the beginning of a thought, or a mark without a meaning of its own."""

    calls: tuple[FoundCall, ...] = ()
    thought_ends: tuple[str, ...] = ()
    """What ends the thought that has begun."""


Reader: TypeAlias = Callable[[Source, OfferedCalls, str], Reading[Found]]
"""Reads what follows an opening, which is the last argument."""


class Form(Struct, frozen=True):
    """A form with its openings, none of which begins another form's."""

    name: str
    openings: tuple[str, ...]
    read: Reader
    is_token: bool = False
    """Whether the opening is a token of its own for the model, which does not occur in prose."""
    begins_line: bool = False
    """Whether it counts only at the beginning of a line."""
    thought_ends: tuple[str, ...] = ()
    """For a thought in tags, the tag that ends it."""


NAME = re.compile(r"[\w.\-:/]*")
STRAY = re.compile(r"[\s;,}\]]*")
"""Between two calls: white space, separators, and the closing brackets that small models add."""

END_TOKENS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "</s>",
    "<｜end▁of▁sentence｜>",
)
"""The ends of turns, which some servers show as text."""


def read_json_calls(source: Source, offered: OfferedCalls, end: str = "") -> Reading[tuple[FoundCall, ...]]:
    """Read calls in JSON, one after the other or in lists, and the end tag if there is one."""
    found: list[FoundCall] = []
    while True:
        yield from source.run(STRAY if found else SPACE)
        has_fence = yield from _skip_fence(source)
        if (yield from source.peek()) not in ("{", "["):
            break
        found += offered.from_span((yield from read_whole_span(source, end)), is_certain=True)
        if has_fence:
            yield from source.run(STRAY)
            yield from source.skip("```")
    if not found:
        raise NotACall("there is no JSON")
    if end:
        yield from source.skip(end)
    return tuple(found)


def read_whole_span(source: Source, end: str = "") -> Reading[Span]:
    """
    Read one value.

    Raises:
        NotACall: if the reply ended inside it, unless only closing brackets are missing and the model ended the reply.
    """
    span = yield from read_span(source, end)
    if not span.is_balanced and not (end and (yield from source.has(end))) and (source.was_cut or span.is_in_string):
        raise NotACall("it was cut")
    return span


def _skip_fence(source: Source) -> Reading[bool]:
    if not (yield from source.skip("```")):
        return False
    yield from source.until("\n")
    yield from source.run(SPACE)
    return True


def in_json(end: str = "") -> Reader:
    """Return the reader of calls in JSON up to an end tag."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        return Found((yield from read_json_calls(source, offered, end)))

    return read


def read_tagged_calls(
    source: Source, offered: OfferedCalls, tags: ParameterTags, outer: Outer = NO_OUTER, *, is_open: bool = False
) -> Reading[tuple[FoundCall, ...]]:
    """Read calls with tagged parameters, and the tag around them; `is_open` if the first one's opening is read."""
    found: list[FoundCall] = []
    while True:
        if not is_open:
            yield from source.run(SPACE)
            opening = yield from source.has_one_of(tags.call)
            if not opening:
                break
            source.advance(len(opening))
        is_open = False
        name = offered.name((yield from read_name(source)))
        found.append((yield from read_tagged_call(source, offered, name, tags, outer)))
    if not found:
        raise NotACall("there is no call")
    yield from source.skip(outer.end)
    return tuple(found)


def in_tags(tags: ParameterTags, outer: Outer = NO_OUTER, *, is_open: bool = False) -> Reader:
    """Return the reader of calls with tagged parameters."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        return Found((yield from read_tagged_calls(source, offered, tags, outer, is_open=is_open)))

    return read


INVOKE_TAGS = invoke_tags()


def read_tool_call(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read what `tool_call` tags hold: JSON (Hermes, Qwen), tagged functions (Qwen3-Coder), or GLM's form."""
    yield from source.run(SPACE)
    character = yield from source.peek()
    if character in ("{", "[", "`"):
        return Found((yield from read_json_calls(source, offered, NO_OUTER.end)))
    for tags in (FUNCTION_TAGS, INVOKE_TAGS):
        if (yield from source.has_one_of(tags.call)):
            return Found((yield from read_tagged_calls(source, offered, tags)))
    return Found((yield from _read_glm_call(source, offered)))


def _read_glm_call(source: Source, offered: OfferedCalls) -> Reading[tuple[FoundCall, ...]]:
    name = offered.name((yield from source.run(NAME)))
    yield from source.run(SPACE)
    if (yield from source.peek()) == "(":
        text, _ = yield from source.until(NO_OUTER.end)
        return tuple(python_calls(name + text, offered))
    if not (yield from source.has_one_of((*GLM_TAGS.parameter, GLM_TAGS.call_end, "{"))) and not source.is_ended:
        raise NotACall("it holds neither JSON nor tags")
    return ((yield from read_tagged_call(source, offered, name, GLM_TAGS)),)


def in_function_calls(end: str, tags: ParameterTags) -> Reader:
    """Return the reader of `function_calls` tags, which hold invocations (Anthropic), Python (OLMo 3) or JSON."""
    outer = Outer(end.replace("</", "<"), end)

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        yield from source.run(SPACE)
        if (yield from source.has_one_of(tags.call)):
            return Found((yield from read_tagged_calls(source, offered, tags, outer)))
        if (yield from source.peek()) in ("{", "["):
            return Found((yield from _read_list(source, offered, end)))
        return Found((yield from _read_python(source, offered, end)))

    return read


def _read_python(source: Source, offered: OfferedCalls, *ends: str) -> Reading[tuple[FoundCall, ...]]:
    text, end = yield from source.until(*ends)
    if not end and source.was_cut:
        raise NotACall("it was cut")
    return tuple(python_calls(text, offered))


def _read_list(source: Source, offered: OfferedCalls, end: str) -> Reading[tuple[FoundCall, ...]]:
    """Read a list of calls in JSON or in Python, or JSON objects."""
    if (yield from source.peek()) != "[":
        return (yield from read_json_calls(source, offered, end))
    span = yield from read_whole_span(source, end)
    is_json = span.text[1:].lstrip().startswith(("{", "]"))
    found = offered.from_span(span, is_certain=True) if is_json else python_calls(span.text, offered)
    yield from source.run(SPACE)
    yield from source.skip(end)
    return tuple(found)


def in_list(end: str) -> Reader:
    """Return the reader of a list of calls, in JSON or in Python, up to an end tag."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        yield from source.run(SPACE)
        if (yield from source.peek()) not in ("[", "{"):
            return Found((yield from _read_python(source, offered, end, "\n")))
        return Found((yield from _read_list(source, offered, end)))

    return read


def read_python_tag(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read Llama 3's calls: JSON objects separated by `;`, or `Read.call(file_path="/a")`."""
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return Found((yield from read_json_calls(source, offered)))
    return Found((yield from _read_python(source, offered, "<|eom_id|>", "<|eot_id|>", "<|python_tag|>")))


def read_mistral_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read Mistral's calls: a JSON list, or since tokenizer 11 a name, an id in some versions, and the arguments."""
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return Found((yield from read_json_calls(source, offered)))
    found: list[FoundCall] = []
    while True:
        name = offered.name((yield from source.run(NAME)))
        if (yield from source.skip("[CALL_ID]")):
            yield from source.run(NAME)
        yield from source.skip("[ARGS]")
        yield from source.run(SPACE)
        found.append((yield from _read_arguments(source, offered, name)))
        yield from source.run(SPACE)
        if not (yield from source.skip(opening)):
            return Found(tuple(found))


def _read_arguments(source: Source, offered: OfferedCalls, name: str, end: str = "") -> Reading[FoundCall]:
    """Read a call's arguments in JSON, which may stand in a fence."""
    has_fence = yield from _skip_fence(source)
    if (yield from source.peek()) != "{":
        raise NotACall("it has no arguments")
    span = yield from read_whole_span(source, end)
    if has_fence:
        yield from source.run(STRAY)
        yield from source.skip("```")
    return offered.from_arguments(name, span.text, span.text)


DEEPSEEK_CALL, DEEPSEEK_SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"
DEEPSEEK_CALL_END, DEEPSEEK_END = "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"


def read_deepseek_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read DeepSeek's calls: `function`, the name and a fence (V3, R1), or the name and the arguments (V3.1)."""
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE)
        if not (yield from source.skip(DEEPSEEK_CALL)) and (found or opening != DEEPSEEK_CALL):
            break
        name, separator = yield from source.until(DEEPSEEK_SEPARATOR, "\n", "{")
        if name.strip() == "function" and separator == DEEPSEEK_SEPARATOR:
            name, separator = yield from source.until("\n", "{", "```")
        if separator in ("{", "```"):
            source.unread(separator)
        name = offered.name(name)
        yield from source.run(SPACE)
        found.append((yield from _read_arguments(source, offered, name, DEEPSEEK_CALL_END)))
        yield from source.run(STRAY)
        yield from source.skip(DEEPSEEK_CALL_END)
    if not found:
        raise NotACall("there is no call")
    yield from source.skip(DEEPSEEK_END)
    return Found(tuple(found))


KIMI_CALL, KIMI_ARGUMENTS, KIMI_CALL_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
KIMI_ENDS = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
_NUMBER = re.compile(r":\d+$")


def read_kimi_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read Kimi K2's calls, whose ids name the tool: `functions.Read:0`."""
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE)
        if not (yield from source.skip(KIMI_CALL)) and (found or opening != KIMI_CALL):
            break
        identifier, separator = yield from source.until(KIMI_ARGUMENTS, "{")
        if separator == "{":
            source.unread(separator)
        name = offered.name(_NUMBER.sub("", identifier.strip()).removeprefix("functions."))
        yield from source.run(SPACE)
        found.append((yield from _read_arguments(source, offered, name, KIMI_CALL_END)))
        yield from source.run(STRAY)
        yield from source.skip(KIMI_CALL_END)
    if not found:
        raise NotACall("there is no call")
    if end := (yield from source.has_one_of(KIMI_ENDS)):
        source.advance(len(end))
    return Found(tuple(found))


def read_internlm_call(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read InternLM's calls: a plugin's name and parameters in JSON."""
    yield from source.run(SPACE)
    if not (yield from source.skip("<|plugin|>")):
        raise NotACall("it is no plugin")
    return Found((yield from read_json_calls(source, offered, "<|action_end|>")))


def read_functools(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read Phi-4-mini's calls: `functools` and a JSON list."""
    if (yield from source.peek()) != "[":
        raise NotACall("no list follows")
    return Found((yield from read_json_calls(source, offered)))


def read_calling_tool(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read a call as vllm-mlx puts it into the history, which models then imitate: `[Calling tool: Read({…})]`."""
    yield from source.run(BLANKS)
    name = offered.name((yield from source.run(NAME)))
    if not (yield from source.skip("(")):
        raise NotACall("it has no arguments")
    yield from source.run(SPACE)
    if (yield from source.peek()) == "{":
        call = yield from _read_arguments(source, offered, name)
        yield from source.run(SPACE)
        if not (yield from source.skip(")")):
            raise NotACall("its arguments have no end")
        yield from source.skip("]")
        return Found((call,))
    text, end = yield from source.until(")]", "\n")
    if end != ")]":
        raise NotACall("its arguments have no end")
    return Found(tuple(python_calls(f"{name}({text})", offered)))


def read_action(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read `Action: Read` and `Action Input: {…}` (ReAct), or `Action:` and fenced JSON (Command-R)."""
    yield from source.run(SPACE)
    if (yield from source.peek()) == "`":
        return Found((yield from read_json_calls(source, offered)))
    name = offered.name((yield from source.run(NAME)))
    yield from source.run(SPACE)
    if not (yield from source.skip("Action Input:")):
        raise NotACall("it has no input")
    yield from source.run(SPACE)
    return Found(((yield from _read_arguments(source, offered, name)),))


def read_gemma(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read the calls of FunctionGemma and Gemma 4."""
    return Found((yield from read_gemma_calls(source, offered, opening)))


def read_tool_calls(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read what `tool_calls` tags hold: JSON (Jamba, Hunyuan, MiniMax M1), or `tool_call` tags."""
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE)
        if not (yield from source.skip(NO_OUTER.start)):
            break
        found += (yield from read_tool_call(source, offered, NO_OUTER.start)).calls
    if not found:
        return Found((yield from read_json_calls(source, offered, "</tool_calls>")))
    yield from source.skip("</tool_calls>")
    return Found(tuple(found))


def _thought(name: str, opening: str, end: str, *, begins_line: bool = False, is_token: bool = False) -> Form:
    """Return the form of a thought in tags."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        yield from ()
        return Found(thought_ends=(end,))

    return Form(name, (opening,), read, is_token=is_token, begins_line=begins_line, thought_ends=(end,))


HARMONY_ENDS = ("<|end|>", "<|return|>", "<|call|>", "<|channel|>", "<|start|>")
_HEADER_CHARACTERS = 200
"""Longer than any header; one has a role, a recipient, a channel and a content type."""
_RECIPIENT = re.compile(r"\bto=([\w.\-]+)")


def read_harmony(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read the header of a message of gpt-oss, and the arguments if the message is for a tool.

    The analysis channel is a thought; `final` and commentary without a recipient are text (openai/harmony, docs).
    """
    header, end = yield from source.until("<|message|>", "\n")
    if not end or end == "\n" or len(header) > _HEADER_CHARACTERS:
        raise NotACall("it is no header")
    recipient = _RECIPIENT.search(header)
    if recipient is None:
        return Found(thought_ends=HARMONY_ENDS if "analysis" in header else ())
    name = offered.name(recipient[1].removeprefix("functions."))
    yield from source.run(SPACE)
    if (yield from source.peek()) == "{":
        call = yield from _read_arguments(source, offered, name, "<|call|>")
    else:
        call = offered.from_arguments(name, "", "")
    yield from source.run(STRAY)
    if ending := (yield from source.has_one_of(("<|call|>", "<|end|>", "<|return|>"))):
        source.advance(len(ending))
    return Found((call,))


def read_harmony_end(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read the end of a message of gpt-oss, which is no text."""
    yield from ()
    return Found()


ANTHROPIC_PREFIX = "antml" + ":"
ANTHROPIC_INVOKE = invoke_tags(ANTHROPIC_PREFIX)
DSML = "｜DSML｜"
DSML_INVOKE = invoke_tags(DSML)
DSML_OUTER = Outer(f"<{DSML}function_calls>", f"</{DSML}function_calls>")
MINIMAX_OUTER = Outer("<minimax:tool_call>", "</minimax:tool_call>")
SEED_OUTER = Outer("<seed:tool_call>", "</seed:tool_call>")

TAG_FORMS = (
    Form("tool_call tags", ("<tool_call>",), read_tool_call),
    Form("tool_calls tags", ("<tool_calls>",), read_tool_calls),
    Form("function tags", FUNCTION_TAGS.call, in_tags(FUNCTION_TAGS, is_open=True)),
    Form("Seed-OSS", (SEED_OUTER.start,), in_tags(FUNCTION_TAGS, SEED_OUTER)),
    Form("invoke tags", INVOKE_TAGS.call, in_tags(INVOKE_TAGS, is_open=True)),
    Form("invoke tags", ANTHROPIC_INVOKE.call, in_tags(ANTHROPIC_INVOKE, is_open=True)),
    Form("function_calls tags", ("<function_calls>",), in_function_calls("</function_calls>", INVOKE_TAGS)),
    Form(
        "function_calls tags",
        (f"<{ANTHROPIC_PREFIX}function_calls>",),
        in_function_calls(f"</{ANTHROPIC_PREFIX}function_calls>", ANTHROPIC_INVOKE),
    ),
    Form("MiniMax M2", (MINIMAX_OUTER.start,), in_tags(INVOKE_TAGS, MINIMAX_OUTER)),
    Form("DeepSeek V3.2", (DSML_OUTER.start,), in_tags(DSML_INVOKE, DSML_OUTER), is_token=True),
    Form("DeepSeek V3.2", DSML_INVOKE.call, in_tags(DSML_INVOKE, DSML_OUTER, is_open=True), is_token=True),
    Form("function_call tags", ("<function_call>",), in_json("</function_call>")),
    Form("functioncall tags", ("<functioncall>",), in_json("</functioncall>")),
    Form("Nemotron", ("<TOOLCALL>",), in_list("</TOOLCALL>")),
    Form("tool_code tags", ("<tool_code>",), in_list("</tool_code>")),
    Form("FunctionGemma", ("<start_function_call>",), read_gemma, is_token=True),
    Form("Gemma 4", ("<|tool_call>",), read_gemma, is_token=True),
    Form("Granite and Phi-4", ("<|tool_call|>",), in_json("<|/tool_call|>"), is_token=True),
    Form("LFM2", ("<|tool_call_start|>",), in_list("<|tool_call_end|>"), is_token=True),
    Form("Llama 4", ("<|python_start|>",), in_list("<|python_end|>"), is_token=True),
    Form("Llama 3", ("<|python_tag|>",), read_python_tag, is_token=True),
    Form("Mistral", ("[TOOL_CALLS]",), read_mistral_calls, is_token=True),
    Form("DeepSeek", ("<｜tool▁calls▁begin｜>", DEEPSEEK_CALL), read_deepseek_calls, is_token=True),
    Form(
        "Kimi K2",
        ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>", KIMI_CALL),
        read_kimi_calls,
        is_token=True,
    ),
    Form("Command-R", ("<|START_ACTION|>",), in_json("<|END_ACTION|>"), is_token=True),
    Form("Apertus", ("<|tools_prefix|>",), in_json("<|tools_suffix|>"), is_token=True),
    Form("InternLM", ("<|action_start|>",), read_internlm_call, is_token=True),
    Form("harmony", ("<|channel|>", "<|start|>"), read_harmony, is_token=True),
    Form("harmony", ("<|end|>", "<|return|>", "<|call|>"), read_harmony_end, is_token=True),
    _thought("think tags", "<think>", "</think>", begins_line=True),
    _thought("thinking tags", "<thinking>", "</thinking>", begins_line=True),
    _thought("thought tags", "<thought>", "</thought>", begins_line=True),
    _thought("reasoning tags", "<reasoning>", "</reasoning>", begins_line=True),
    _thought("Magistral", "[THINK]", "[/THINK]", begins_line=True),
    _thought("Seed-OSS", "<seed:think>", "</seed:think>", begins_line=True),
    _thought("Command-A", "<|START_THINKING|>", "<|END_THINKING|>", is_token=True),
    _thought("Kimi", "◁think▷", "◁/think▷", begins_line=True),
    Form("[Calling tool:", ("[Calling tool:",), read_calling_tool, begins_line=True),
)
"""The forms that an opening tag announces."""

WORD_FORMS = (
    Form("Phi-4", ("functools",), read_functools, begins_line=True),
    Form("ReAct", ("Action:",), read_action, begins_line=True),
)
"""The forms that begin with a word, at the beginning of a line."""

FORM_BY_OPENING = {opening: form for form in (*TAG_FORMS, *WORD_FORMS) for opening in form.openings}
TAG_OPENINGS = Literals(opening for form in TAG_FORMS for opening in form.openings)
WORD_OPENINGS = Literals(opening for form in WORD_FORMS for opening in form.openings)
THOUGHT_TAGS = {
    opening: end
    for form in TAG_FORMS
    for opening in form.openings
    for end in form.thought_ends
    if opening not in HARMONY_ENDS
}
"""The tags that begin a thought, and those that end it."""
