"""Calls written in Python: `Read(file_path="/a", limit=5)`, one by one or in a list."""

import ast
import re
import warnings
from collections.abc import Iterator

from anyclaude.protocol.json_values import JsonValue

from .calls import MAX_REPAIRED_CHARACTERS, FoundCall, NotACall, OfferedCalls

_STRING = re.compile(r"'(?:\\.|[^'\\]++)*+(?:'|\Z)|\"(?:\\.|[^\"\\]++)*+(?:\"|\Z)", re.DOTALL)
"""One without an end reaches to that of the text, which is then no Python."""
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n|\Z)")
_WORDS = {"true": True, "false": False, "null": None}
"""JSON's words, which models write in Python too."""


def python_calls(text: str, offered: OfferedCalls) -> list[FoundCall]:
    """
    Return the calls that `text` consists of.

    Raises:
        NotACall: if it is no Python, consists of anything else, or calls a function that was not offered.
    """
    places = _Places(text.strip())
    found = [_found(call, places, offered) for statement in _parsed(text) for call in _calls_in(statement)]
    if not found:
        raise NotACall("there is no call")
    return found


def _parsed(text: str) -> list[ast.expr]:
    if len(text) > MAX_REPAIRED_CHARACTERS:
        raise NotACall("it is too long")
    for attempt in (text, _STRING.sub(_with_escaped_newlines, text)):
        try:
            with warnings.catch_warnings(action="ignore"):  # of escapes such as "\d", which are meant literally
                module = ast.parse(attempt.strip())
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        return [it.value for it in module.body if isinstance(it, ast.Expr)] if _has_only_calls(module) else []
    raise NotACall("it is not Python")


def _with_escaped_newlines(string: re.Match[str]) -> str:
    return string[0].replace("\n", "\\n").replace("\r", "\\r")


def _has_only_calls(module: ast.Module) -> bool:
    return all(isinstance(statement, ast.Expr) for statement in module.body)


def _calls_in(value: ast.expr) -> Iterator[ast.Call]:
    match value:
        case ast.List(elts) | ast.Tuple(elts):
            for element in elts:
                yield from _calls_in(element)
        case ast.Call(ast.Name("print"), [ast.Call() as inner], []):
            yield inner
        case ast.Call():
            yield value
        case _:
            raise NotACall("it does more than call tools")


class _Places:
    """The lines of a text, by which the parser tells where calls stand; `ast` would divide the text for each call."""

    def __init__(self, text: str) -> None:
        self._text = text.encode(errors="surrogatepass")
        self._lines = [line.start() for line in _LINE.finditer(self._text)]

    def segment(self, node: ast.expr) -> str:
        """Return the text of a node, as it stands; "" if the text was repaired and has fewer lines."""
        if node.end_lineno is None or node.end_col_offset is None or node.end_lineno > len(self._lines):
            return ""
        start = self._lines[node.lineno - 1] + node.col_offset
        return self._text[start : self._lines[node.end_lineno - 1] + node.end_col_offset].decode(errors="replace")


def _found(call: ast.Call, places: _Places, offered: OfferedCalls) -> FoundCall:
    name = offered.name(_dotted(call.func).removesuffix(".call"))  # as Llama 3 calls its built-in tools
    parameters = offered.parameters(name)
    if len(call.args) > len(parameters):
        raise NotACall("it has more arguments than the tool")
    arguments = {parameters[position]: _value(argument) for position, argument in enumerate(call.args)}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise NotACall("its arguments are not written out")
        arguments[keyword.arg] = _value(keyword.value)
    return offered.from_value(name, arguments, places.segment(call))


def _dotted(function: ast.expr) -> str:
    match function:
        case ast.Name(name):
            return name
        case ast.Attribute(owner, name):
            return f"{_dotted(owner)}.{name}"
        case _:
            raise NotACall("it does not name a tool")


def _value(node: ast.expr) -> JsonValue:
    match node:
        case ast.Constant(str() | bool() | int() | float() | None as value):
            return value
        case ast.Name(name) if name in _WORDS:
            return _WORDS[name]
        case ast.List(elements) | ast.Tuple(elements):
            return [_value(element) for element in elements]
        case ast.Dict(keys, values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return -number
        case _:
            raise NotACall("an argument is not a value")


def _key(node: ast.expr | None) -> str:
    match node:
        case ast.Constant(str(key)):
            return key
        case _:
            raise NotACall("a key is not a string")
