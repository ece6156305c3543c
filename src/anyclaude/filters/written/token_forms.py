"""The readers of forms that one family of models announces by tokens, or words, of its own."""

import re

from .calls import FoundCall, NotACall, OfferedCalls
from .calls_in_turn import read_in_turn
from .form import Found
from .json_calls import NAME, STRAY, read_arguments_of, read_json_calls, read_python_calls, read_value
from .source import BLANKS, SPACE, Literals, Reading, Source


def deepseek_spellings(*words: str) -> tuple[str, ...]:
    """
    Return a token of DeepSeek's as its tokenizer spells it, and as distilled models do.

    The latter are those that llama.cpp accepts (`common/chat.cpp`), with either bar.
    """
    return tuple(f"<{bar}{separator.join(words)}{bar}>" for bar in "｜|" for separator in ("▁", "_", " ", "\\_"))


DEEPSEEK_STARTS = (*deepseek_spellings("tool", "calls", "begin"), "<｜tool▁calls｜>", "<|tool▁calls|>")
DEEPSEEK_ENDS = deepseek_spellings("tool", "calls", "end")
DEEPSEEK_CALLS = deepseek_spellings("tool", "call", "begin")
DEEPSEEK_CALL_ENDS = deepseek_spellings("tool", "call", "end")
DEEPSEEK_SEPARATORS = deepseek_spellings("tool", "sep")

TOOL_CALL = "[TOOL_CALL]"
"""What small models write for Mistral's token."""

KIMI_STARTS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
KIMI_ENDS = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
KIMI_CALL, KIMI_CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
KIMI_ARGUMENTS = "<|tool_call_argument_begin|>"
SOLAR_START, SOLAR_CALL, SOLAR_CALL_END = "<|tool_calls|>", "<|tool_call:begin|>", "<|tool_call:end|>"
SOLAR_NAME, SOLAR_ARGUMENTS = "<|tool_call:name|>", "<|tool_call:args|>"
CALLING_TOOL = ("[Calling tool:", "[Calling tools:", "[Tool call:")
_NUMBER = re.compile(r":\d+$")


def read_python_tag(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read Llama 3's calls: JSON objects separated by `;`, or `Read.call(file_path="/a")`."""
    yield from source.run(SPACE)
    is_json = (yield from source.peek()) in ("{", "[")
    return Found((yield from (read_json_calls if is_json else read_python_calls)(source, offered)))


def read_mistral_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read Mistral's calls: a JSON list, or since tokenizer 11 a name, an id in some versions, and the arguments.

    Raises:
        NotACall: if there is none.
    """
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return Found((yield from _read_values(source, offered, opening)))

    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        if not is_first:
            yield from source.run(SPACE)
            if not (yield from source.skip(opening)):
                return None
        yield from source.run(SPACE)
        name = offered.name((yield from source.run(NAME)))
        yield from source.run(SPACE)
        if (yield from source.skip("[CALL_ID]")):
            yield from source.run(NAME)
        yield from source.skip("[ARGS]")
        yield from source.run(SPACE)
        return (yield from read_arguments_of(source, offered, name))

    found = yield from read_in_turn(source, read_next)
    yield from source.skip(_end_of(opening))
    yield from _read_surplus(source, opening)
    return Found(found)


def _read_values(source: Source, offered: OfferedCalls, opening: str) -> Reading[tuple[FoundCall, ...]]:
    """Read calls in JSON or Python up to the next token, which begins with a bracket as they do, and the end token."""
    found: list[FoundCall] = []
    end = _end_of(opening)
    while (yield from source.peek()) in ("{", "[") and not (yield from source.has_one_of((opening, end))):
        found += yield from read_value(source, offered, end, is_certain=True)
        yield from source.run(STRAY)
    if not found:
        raise NotACall("there is no call")
    yield from source.skip(end)
    yield from _read_surplus(source, opening)
    return tuple(found)


def _end_of(opening: str) -> str:
    """Return the token that small models close with, as if Mistral's were tags."""
    return f"[/{opening[1:]}"


def _read_surplus(source: Source, opening: str) -> Reading[None]:
    """Read an opening after which the reply ended, or the beginning of one."""
    if source.is_rest_of(Literals((opening,))):
        source.advance(len(opening))
    elif (yield from source.skip(opening)):
        space = yield from source.run(SPACE)
        if (yield from source.peek()):
            source.unread(opening + space)


def read_deepseek_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read DeepSeek's calls: `function`, the name and a fence (V3, R1), or the name and the arguments (V3.1).

    Raises:
        NotACall: if there is none.
    """

    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        yield from source.run(SPACE)
        call = opening if is_first and opening in DEEPSEEK_CALLS else (yield from _skip_one_of(source, DEEPSEEK_CALLS))
        if not call and not is_first:
            return None
        name, separator = yield from source.until(*DEEPSEEK_SEPARATORS, "\n", "{")
        if name.strip() == "function" and separator in DEEPSEEK_SEPARATORS:
            name, separator = yield from source.until("\n", "{", "```")
        if separator in ("{", "```"):
            source.unread(separator)
        name = offered.name(name)
        yield from source.run(SPACE)
        end = DEEPSEEK_CALL_ENDS[DEEPSEEK_CALLS.index(call) if call else 0]
        found = yield from read_arguments_of(source, offered, name, end)
        yield from source.run(STRAY)
        yield from _skip_one_of(source, DEEPSEEK_CALL_ENDS)
        return found

    found = yield from read_in_turn(source, read_next)
    yield from _skip_one_of(source, DEEPSEEK_ENDS)
    return Found(found)


def _skip_one_of(source: Source, literals: tuple[str, ...]) -> Reading[str]:
    """Read the one of `literals` that the text goes on with, and return it; "" if none does."""
    literal = yield from source.has_one_of(literals)
    return source.advance(len(literal))


def read_kimi_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read Kimi K2's calls, whose ids name the tool: `functions.Read:0`.

    Raises:
        NotACall: if there is none.
    """

    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        yield from source.run(SPACE)
        if not (yield from source.skip(KIMI_CALL)) and not (is_first and opening == KIMI_CALL):
            return None
        identifier, separator = yield from source.until(KIMI_ARGUMENTS, *DEEPSEEK_SEPARATORS, "{")
        if separator == "{":
            source.unread(separator)
        name = offered.name(_NUMBER.sub("", identifier.strip()).removeprefix("functions."))
        yield from source.run(SPACE)
        call = yield from read_arguments_of(source, offered, name, KIMI_CALL_END)
        yield from source.run(STRAY)
        yield from source.skip(KIMI_CALL_END)
        return call

    found = yield from read_in_turn(source, read_next)
    yield from _skip_one_of(source, KIMI_ENDS)
    return Found(found)


def read_solar_calls(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read Solar Open's calls, each with an id, a name and arguments behind tokens of their own.

    Raises:
        NotACall: if there is none.
    """

    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        """
        Read one call.

        Raises:
            NotACall: if it names no tool.
        """
        yield from source.run(SPACE)
        if not (yield from source.skip(SOLAR_CALL)) and not (is_first and opening == SOLAR_CALL):
            return None
        yield from source.run(NAME)
        if not (yield from source.skip(SOLAR_NAME)):
            raise NotACall("it names no tool")
        name = offered.name((yield from source.run(NAME)))
        if not (yield from source.skip(SOLAR_ARGUMENTS)):
            raise NotACall("it has no arguments")
        yield from source.run(SPACE)
        call = yield from read_arguments_of(source, offered, name, SOLAR_CALL_END)
        yield from source.run(STRAY)
        yield from source.skip(SOLAR_CALL_END)
        return call

    return Found((yield from read_in_turn(source, read_next)))


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

    They do so with other words and without the parentheses, too.

    Raises:
        NotACall: if it has another form.
    """
    found: list[FoundCall] = []
    while True:
        yield from source.run(SPACE if found else BLANKS)
        written = yield from source.run(NAME)
        name = offered.name(written)
        if not (yield from source.skip("(")):
            found.append((yield from _read_called_tool(source, offered, name)))
        else:
            space = yield from source.run(SPACE)
            if (yield from source.peek()) != "{":
                source.unread(f"{written}({space}")
                found += yield from read_python_calls(source, offered)
                break
            found.append((yield from read_arguments_of(source, offered, name)))
            yield from source.run(SPACE)
            if not (yield from source.skip(")")):
                raise NotACall("its arguments have no end")
        yield from source.run(BLANKS)
        if not (yield from source.skip(",")):
            break
    yield from source.skip("]")
    return Found(tuple(found))


def _read_called_tool(source: Source, offered: OfferedCalls, name: str) -> Reading[FoundCall]:
    """Read arguments without parentheses: `Read {…}]`, `Read with {…}]`, or `Read]` and the arguments."""
    yield from source.run(BLANKS)
    if (yield from source.skip("]")):
        yield from source.run(SPACE)
        call = yield from read_arguments_of(source, offered, name)
        if not call.call.is_valid:
            raise NotACall("what follows may be its result")
        return call
    for word in ("with", "arguments", ":"):
        yield from source.skip(word)
        yield from source.run(BLANKS)
    call = yield from read_arguments_of(source, offered, name)
    yield from source.run(BLANKS)
    if (yield from source.peek()) not in ("]", ","):
        raise NotACall("its arguments have no end")
    return call


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
