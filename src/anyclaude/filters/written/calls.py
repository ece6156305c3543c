"""Make calls of what a model wrote: a name and arguments, compared with the tools that were offered."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from anyclaude.filters.base import CallNote
from anyclaude.protocol.json_values import JsonError, JsonValue, decode_json, encode_json
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import CheckedCall, OfferedTools, read_arguments, read_leniently

from .json_span import Span

NAME_KEYS = ("name", "tool_name", "function_name", "tool", "function", "action", "recipient_name")
ARGUMENT_KEYS = (
    "arguments",
    "parameters",
    "args",
    "input",
    "params",
    "kwargs",
    "tool_input",
    "action_input",
    "tool_arguments",
    "function_arguments",
)
"""The keys of a call in the formats of the model families, and those that small models write instead."""

OTHER_KEYS = frozenset({"id", "type", "call_id", "tool_call_id", "index"})
"""Keys that a call may have besides: the id of OpenAI's, Mistral's and Command-R's calls, OpenAI's type."""

CALL_TYPES = frozenset({"function", "tool_use", "tool_call", "function_call"})

CALLS_KEYS = ("tool_calls", "tool_uses", "function_call", "tool_call")
"""The keys of an object around calls: of OpenAI's messages, old and new, and of its parallel calls."""

MESSAGE_KEYS = frozenset({*CALLS_KEYS, "role", "content"})
"""The keys of an assistant's message in OpenAI's format, which some models write out."""

FIRST_KEYS = frozenset({*NAME_KEYS, *ARGUMENT_KEYS, *OTHER_KEYS, *MESSAGE_KEYS})

SCHEMA_KEYWORDS = frozenset(
    {"type", "description", "enum", "anyOf", "items", "default", "format", "minimum", "maximum", "required", "title"}
    | {"properties", "additionalProperties", "optional", "examples", "example", "minLength", "maxLength", "pattern"}
)
"""What describes a parameter, in JSON Schema and in what people write instead."""

MAX_REPAIRED_CHARACTERS = 262_144
"""The longest text that is read although it is not JSON: reading such text takes a second for a few megabytes."""

NAME_CHARACTERS = 256
"""The longest name of a tool or parameter; the Messages API allows 128 characters for a tool."""

NOTE_CHARACTERS = 2_000
"""The length to which the journal shortens what a model wrote."""

_BROKEN_NAME = re.compile(r"""["']?(?:name|tool_name|function)["']?\s*:\s*["']([^"']+)["']""")
_BROKEN_ARGUMENTS = re.compile(r"""["']?(?:arguments|parameters)["']?\s*:\s*""")

_KIMI_ID = re.compile(r"functions\.(.+):\d+")
"""The id of one of Kimi's calls, which bears the name of the tool."""

_NO_COMMA = re.compile(r"""("name"\s*:\s*"[^"\\]*")(\s+"(?:arguments|parameters)"\s*:)""")
"""The only place where a missing comma has one meaning: between the two members that every call has."""


class NotACall(Exception):  # not an error: most text is not a call
    """What was read is not a call, and stays text."""


class NotOffered(NotACall):
    """It names a tool that was not offered."""


class FoundCall(Struct, frozen=True):
    """One call, and the model's own text of it."""

    call: CheckedCall
    text: str


class Members(Struct, frozen=True):
    """The members of a JSON object, each as JSON text, and whether the syntax had to be repaired."""

    values: Mapping[str, str]
    was_repaired: bool = False


class OfferedCalls:
    """Makes the calls of one reply."""

    def __init__(self, tools: Sequence[Tool], note: Callable[[CallNote], None]) -> None:
        self._offered = OfferedTools(tools)
        self._parameters = {tool.name: _properties(tool) for tool in tools}
        self._note = note

    def __bool__(self) -> bool:
        """Return whether any tool was offered."""
        return bool(self._offered)

    def name(self, written: str) -> str:
        """
        Return the offered tool that a name means.

        Raises:
            NotOffered: if there is none.
        """
        written = written.strip()
        identifier = _KIMI_ID.fullmatch(written)
        name = self._offered.named(identifier[1] if identifier else written)
        if name is None:
            raise NotOffered(f"{written!r} was not offered")
        return name

    def parameters(self, name: str) -> tuple[str, ...]:
        """Return the names of a tool's parameters, in the schema's order."""
        return self._parameters[name]

    def from_parameters(self, name: str, parameters: Mapping[str, str], text: str) -> FoundCall:
        """Return the call of an offered tool whose arguments were written one by one, as text."""
        return FoundCall(self._offered.checked_parameters(name, parameters), text)

    def from_arguments(self, name: str, arguments: str, text: str) -> FoundCall:
        """Return the call of an offered tool with its arguments as JSON text."""
        return FoundCall(self._offered.checked(name, arguments.strip() or "{}"), text)

    def from_value(self, name: str, arguments: JsonValue, text: str) -> FoundCall:
        """Return the call of an offered tool with its arguments as a value."""
        return self.from_arguments(name, encode_json(arguments).decode(), text)

    def from_span(self, span: Span, *, is_certain: bool) -> list[FoundCall]:
        """
        Return the calls that a JSON value holds: one object, or a list of them.

        If the tags around it leave no doubt (`is_certain`), the object may lack arguments or have them beside its name;
        otherwise it must have a call's keys and no others.

        Raises:
            NotACall: if it holds anything else.
        """
        if span.is_in_string and is_certain:
            return [self._broken(span.text)]
        if span.is_in_string:
            raise NotACall("it ends inside a string")
        text = span.text
        if not text.startswith("["):
            return self._from_message(text, is_certain=is_certain)
        elements = _elements(text)
        if not elements:
            raise NotACall("the list is empty")
        return [self._from_object(element, is_certain=is_certain) for element in elements]

    def _from_message(self, text: str, *, is_certain: bool) -> list[FoundCall]:
        """Return the call that an object is, or the calls of a whole message in OpenAI's format, or of xLAM's list."""
        if text.startswith("{{") and text.endswith("}}") and is_certain:
            text = text[1:-1]  # models copy the doubled braces of a Python template
        members = _members(text)
        values = [members.values[key] for key in CALLS_KEYS if key in members.values]
        if not values:
            return [self._from_object(text, is_certain=is_certain)]
        calls = [value for value in values if value.startswith(("[", "{"))]
        if len(calls) != 1 or not members.values.keys() <= MESSAGE_KEYS:
            raise NotACall("it has other keys than a message")
        elements = _elements(calls[0]) if calls[0].startswith("[") else calls
        return [self._from_object(element, is_certain=is_certain) for element in elements]

    def _from_object(self, text: str, *, is_certain: bool) -> FoundCall:
        members = _members(text)
        nested = members.values.get("function", "")
        if nested.startswith("{") and _is_of_a_call(members.values):
            return self._from_object(nested, is_certain=is_certain)
        values = dict(members.values)
        name_key = next((key for key in NAME_KEYS if values.get(key, "").startswith('"')), None)
        if name_key is None and is_certain:
            return self._named_by_key(values, text)
        if name_key is None:
            raise NotACall("it names no tool")
        name = self.name(_string(values.pop(name_key)))
        argument_key = next((key for key in ARGUMENT_KEYS if key in values), "")
        arguments = values.pop(argument_key, None)
        others = {key: value for key, value in values.items() if key not in OTHER_KEYS}
        if is_certain and arguments is None:
            arguments = _object(others)
        if arguments is None or (others and not is_certain) or self._is_definition(name, arguments):
            raise NotACall("it has other keys than a call, or describes the tool")
        if not is_certain and not (arguments.startswith(("{", '"')) and _is_of_a_call(values)):
            raise NotACall("it has no arguments")
        found = self.from_arguments(name, arguments, text)
        if not (found.call.is_valid or is_certain):
            _require_attempt(arguments, has_usual_keys="type" in values or is_usual(name_key, argument_key))
        if not members.was_repaired:
            return found
        call = msgspec.structs.replace(found.call, changes=("JSON syntax", *found.call.changes))
        return FoundCall(call, text)

    def _named_by_key(self, values: Mapping[str, str], text: str) -> FoundCall:
        """Return the call of an object whose one key is the tool, as Apertus writes it: {"Read": {…}}."""
        if len(values) != 1:
            raise NotACall("it names no tool")
        ((key, arguments),) = values.items()
        return self.from_arguments(self.name(key), arguments, text)

    def _is_definition(self, name: str, arguments: str) -> bool:
        """Return whether these are no arguments, but the schema of the tool's parameters."""
        keys = _members(arguments).values if arguments.startswith("{") else {}
        is_schema = "properties" in keys or "$schema" in keys or keys.get("type") == '"object"'
        return is_schema and {"properties", "$schema", "type"}.isdisjoint(self._parameters[name])

    def _broken(self, text: str) -> FoundCall:
        """Return a call whose JSON cannot be read, as it was written: the client then tells the model."""
        read = text[:MAX_REPAIRED_CHARACTERS]
        name = _BROKEN_NAME.search(read)
        arguments = _BROKEN_ARGUMENTS.search(read, name.end()) if name else None
        if name is None or arguments is None:
            raise NotACall("it is not JSON")
        problem = "the JSON ends inside a string"
        return FoundCall(
            CheckedCall(self.name(name[1]), read[arguments.end() :], is_valid=False, problem=problem), text
        )

    def note_recognised(self, found: FoundCall, form: str) -> None:
        """Record a call that was recognised, for the journal."""
        self._note(CallNote("recognised", found.call.name, form))

    def note_check(self, found: FoundCall) -> None:
        """Record what was repaired in a call, or what is wrong with it."""
        call = found.call
        if call.changes or not call.is_valid:
            before, after = found.text[:NOTE_CHARACTERS], call.arguments[:NOTE_CHARACTERS]
            detail = "; ".join(call.changes) if call.is_valid else call.problem
            self._note(CallNote("repaired" if call.is_valid else "invalid", call.name, detail, before, after))

    def note_refusal(self, reason: NotACall, form: str) -> None:
        """Record a call in a form that leaves no doubt, to a tool that was not offered."""
        if isinstance(reason, NotOffered):
            self._note(CallNote("not_offered", "", f"{form}: {str(reason)[:NOTE_CHARACTERS]}"))


def is_usual(name_key: str, argument_key: str) -> bool:
    """Return whether these are the keys of a call in most models' own formats, and hardly of other data."""
    return name_key == "name" and argument_key in ("arguments", "parameters")


def _is_of_a_call(members: Mapping[str, str]) -> bool:
    kind = members.get("type")
    return kind is None or _string(kind) in CALL_TYPES


def _require_attempt(arguments: str, *, has_usual_keys: bool) -> None:
    """
    Check whether JSON without tags was meant as a call, although the arguments do not fit.

    Raises:
        NotACall: if it describes the tool, or may as well be other data.
    """
    if not has_usual_keys:
        raise NotACall("its keys are not usual, and its arguments do not fit")
    if _describes_parameters(arguments):
        raise NotACall("it describes the tool")


def _describes_parameters(arguments: str) -> bool:
    """Return whether each argument is the schema of a parameter."""
    try:
        parameters = msgspec.json.decode(arguments, type=dict[str, dict[str, msgspec.Raw]])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return bool(parameters) and all(map(_is_schema, parameters.values()))


def _is_schema(members: Mapping[str, msgspec.Raw]) -> bool:
    return members.keys() <= SCHEMA_KEYWORDS and not members.keys().isdisjoint({"type", "description", "enum", "anyOf"})


def _properties(tool: Tool) -> tuple[str, ...]:
    properties = tool.input_schema.get("properties") if isinstance(tool.input_schema, Mapping) else None
    return tuple(properties) if isinstance(properties, Mapping) else ()


def _members(text: str) -> Members:
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            reading = read_arguments(_NO_COMMA.sub(r"\1,\2", text, count=1), FIRST_KEYS)
        except JsonError as error:
            raise NotACall(str(error)) from error
        members = {key: encode_json(member).decode() for key, member in reading.arguments.items()}
        return Members(members, was_repaired=bool(reading.changes))
    return Members({key: bytes(member).decode() for key, member in raw.items()})


def _elements(text: str) -> list[str]:
    try:
        raw = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            value = read_leniently(text)
        except JsonError as error:
            raise NotACall(str(error)) from error
        return [encode_json(element).decode() for element in value] if isinstance(value, list) else []
    return [bytes(element).decode() for element in raw]


def _object(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{encode_json(key).decode()}: {value}" for key, value in members.items()) + "}"


def _string(text: str) -> str:
    """Return the string that JSON text holds, the text itself if it is no string."""
    try:
        value = decode_json(text.encode())
    except (JsonError, UnicodeError):
        return text
    return value if isinstance(value, str) else text
