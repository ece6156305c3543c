"""The readers of forms that one family of models announces by tokens, or words, of its own."""

import re

from .calls import FoundCall, NotACall, OfferedCalls
from .form import Found
from .json_calls import NAME, STRAY, read_arguments_of, read_json_calls, read_python_calls
from .source import BLANKS, SPACE, Reading, Source

DEEPSEEK_START, DEEPSEEK_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
DEEPSEEK_CALL, DEEPSEEK_CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"
DEEPSEEK_SEPARATOR = "<｜tool▁sep｜>"

KIMI_STARTS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
KIMI_ENDS = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
KIMI_CALL, KIMI_CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
KIMI_ARGUMENTS = "<|tool_call_argument_begin|>"
_NUMBER = re.compile(r":\d+$")


def read_python_tag(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read Llama 3's calls: JSON objects separated by `;`, or `Read.call(file_path="/a")`."""
    yield from source.run(SPACE)
    is_json = (yield from source.peek()) in ("{", "[")
    return Found((yield from (read_json_calls if is_json else read_python_calls)(source, offered)))


def read_mistral_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read Mistral's calls: a JSON list, or since tokenizer 11 a name, an id in some versions, and the arguments."""
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return Found((yield from read_json_calls(source, offered)))
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE)
        name = offered.name((yield from source.run(NAME)))
        yield from source.run(SPACE)
        if (yield from source.skip("[CALL_ID]")):
            yield from source.run(NAME)
        yield from source.skip("[ARGS]")
        yield from source.run(SPACE)
        found.append((yield from read_arguments_of(source, offered, name)))
        yield from source.run(SPACE)
        if not (yield from source.skip(opening)):
            return Found(tuple(found))


def read_deepseek_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read DeepSeek's calls: `function`, the name and a fence (V3, R1), or the name and the arguments (V3.1).

    Raises:
        NotACall: if there is none.
    """
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE)
        if not (yield from source.skip(DEEPSEEK_CALL)) and found:
            break
        name, separator = yield from source.until(DEEPSEEK_SEPARATOR, "\n", "{")
        if name.strip() == "function" and separator == DEEPSEEK_SEPARATOR:
            name, separator = yield from source.until("\n", "{", "```")
        if separator in ("{", "```"):
            source.unread(separator)
        name = offered.name(name)
        yield from source.run(SPACE)
        found.append((yield from read_arguments_of(source, offered, name, DEEPSEEK_CALL_END)))
        yield from source.run(STRAY)
        yield from source.skip(DEEPSEEK_CALL_END)
    yield from source.skip(DEEPSEEK_END)
    return Found(tuple(found))


def read_kimi_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read Kimi K2's calls, whose ids name the tool: `functions.Read:0`.

    Raises:
        NotACall: if there is none.
    """
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
        found.append((yield from read_arguments_of(source, offered, name, KIMI_CALL_END)))
        yield from source.run(STRAY)
        yield from source.skip(KIMI_CALL_END)
    if not found:
        raise NotACall("there is no call")
    if end := (yield from source.has_one_of(KIMI_ENDS)):
        source.advance(len(end))
    return Found(tuple(found))


def read_internlm_call(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read InternLM's calls: a plugin's name and parameters in JSON.

    Raises:
        NotACall: if it is another action.
    """
    yield from source.run(SPACE)
    if not (yield from source.skip("<|plugin|>")):
        raise NotACall("it is no plugin")
    return Found((yield from read_json_calls(source, offered, "<|action_end|>")))


def read_functools(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read Phi-4-mini's calls: `functools` and a JSON list.

    Raises:
        NotACall: if no list follows.
    """
    yield from source.run(BLANKS)
    if (yield from source.peek()) != "[":
        raise NotACall("no list follows")
    return Found((yield from read_json_calls(source, offered)))


def read_calling_tool(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read a call as vllm-mlx puts it into the history, which models then imitate: `[Calling tool: Read({…})]`.

    Raises:
        NotACall: if it has another form.
    """
    yield from source.run(BLANKS)
    name = offered.name((yield from source.run(NAME)))
    if not (yield from source.skip("(")):
        raise NotACall("it has no arguments")
    yield from source.run(SPACE)
    if (yield from source.peek()) != "{":
        source.unread(f"{name}(")
        found = yield from read_python_calls(source, offered)
    else:
        found = ((yield from read_arguments_of(source, offered, name)),)
        yield from source.run(SPACE)
        if not (yield from source.skip(")")):
            raise NotACall("its arguments have no end")
    yield from source.skip("]")
    return Found(found)


def read_action(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read `Action: Read` and `Action Input: {…}` (ReAct), or `Action:` and fenced JSON (Command-R).

    Raises:
        NotACall: if it has another form.
    """
    yield from source.run(SPACE)
    if (yield from source.peek()) == "`":
        return Found((yield from read_json_calls(source, offered)))
    name = offered.name((yield from source.run(NAME)))
    yield from source.run(SPACE)
    if not (yield from source.skip("Action Input:")):
        raise NotACall("it has no input")
    yield from source.run(SPACE)
    return Found(((yield from read_arguments_of(source, offered, name)),))


def read_mark(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read a token that is no text and has no meaning of its own."""
    yield from ()
    return Found()
