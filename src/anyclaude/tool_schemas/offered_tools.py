"""The tools of one request, and the calls a model makes to them."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct

from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import Tool

from .coercion import alternatives, coerced_arguments, properties_of, renamed_keys, scalar_or_container, types_of
from .lenient_json import without_half_pairs
from .schema_checker import SchemaChecker, type_name
from .syntax import read_arguments
from .tool_names import ToolNames
from .wire_names import names_by_wire_name


class CheckedCall(Struct, frozen=True):
    """A call as the client gets it: `arguments` is JSON text, as the model wrote it unless it was repaired."""

    name: str
    arguments: str
    is_valid: bool = True
    """Whether the arguments fit the tool's schema."""
    changes: tuple[str, ...] = ()
    """What was changed, in words; empty if the call is as the model wrote it."""
    problem: str = ""
    """Why the arguments do not fit, if they do not."""


class OfferedTools:
    """The tools that a model was offered."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._wire_names = names_by_wire_name(self._tools.values())

    def __bool__(self) -> bool:
        """Return whether any tool was offered."""
        return bool(self._tools)

    def named(self, written: str) -> str | None:
        """Return the name of the tool that a model means, `None` if it was not offered or may be several."""
        written = self._wire_names.get(written, written)
        return written if written in self._tools else self._names.meant_by(written)

    def checked(self, name: str, arguments: str) -> CheckedCall:
        """
        Return the call of an offered tool with `arguments`, the JSON text the model wrote, repaired if needed.

        The text must have ended: one that was cut is not completed, but what was left out at its end may be.
        """
        checker = self._checker(name)
        try:
            reading = read_arguments(arguments, properties_of(checker.resolved(checker.schema)).keys())
        except JsonError as error:
            return CheckedCall(name, arguments, is_valid=False, problem=f"the arguments cannot be read: {error}")
        problem = checker.problem(reading.arguments)
        if not problem and not reading.changes:
            return CheckedCall(name, arguments if arguments.strip() else "{}")
        return self._repaired(name, arguments, reading.arguments, reading.changes)

    def checked_parameters(self, name: str, parameters: Mapping[str, str]) -> CheckedCall:
        """Return the call with arguments written one by one, as text, whose types only the schema knows."""
        checker = self._checker(name)
        schema = checker.resolved(checker.schema)
        parameters = {without_half_pairs(key): without_half_pairs(text) for key, text in parameters.items()}
        renamed, properties = renamed_keys(parameters, schema), properties_of(schema)
        typed = {key: _typed(text, checker, properties.get(renamed.get(key, key))) for key, text in parameters.items()}
        return self._repaired(name, encode_json(typed).decode(), typed, ())

    def _repaired(self, name: str, written: str, arguments: JsonObject, changes: tuple[str, ...]) -> CheckedCall:
        """Return the call with arguments that were made to fit; as they were written if they cannot be."""
        checker = self._checker(name)
        problem = checker.problem(arguments)
        if not problem and not changes:
            return CheckedCall(name, written)
        fitted = coerced_arguments(checker, name, arguments, written)
        if problem and checker.problem(fitted.value):
            return CheckedCall(name, written, is_valid=False, problem=problem)
        try:
            text = encode_json(fitted.value if problem else arguments).decode()
        except (OverflowError, ValueError) as error:
            return CheckedCall(name, written, is_valid=False, problem=f"the arguments cannot be written: {error}")
        return CheckedCall(name, text, changes=(*changes, *fitted.changes) if problem else changes)

    def _checker(self, name: str) -> SchemaChecker:
        tool = self._tools.get(name)
        return SchemaChecker(None) if tool is None else _checkers(tool)

    @cached_property
    def _names(self) -> ToolNames:
        return ToolNames(self._tools)


_checkers = IdentityFacts[Tool, SchemaChecker](lambda tool: SchemaChecker(tool.input_schema))
"""A schema takes 2 to 11 ms to compile, and every turn repeats it."""


def _typed(text: str, checker: SchemaChecker, part: JsonValue) -> JsonValue:
    """
    Return a value that was written as plain text, with the type that its schema gives it.

    A string stays as it was written.  Where other types are allowed beside it, a text that is exactly an array, an
    object or null of the allowed types is that; a number or a truth value remains text.
    """
    types = _all_types(checker, part)
    if "string" in types and not types & {"array", "object", "null"}:
        return text
    value = scalar_or_container(text)
    if "string" not in types:
        return value
    return value if not isinstance(value, bool | int | float) and type_name(value) in types else text


def _all_types(checker: SchemaChecker, part: JsonValue) -> frozenset[str]:
    """Return the types that a part of the schema allows in any of its alternatives."""
    schema = checker.resolved(part)
    options = [checker.resolved(option) for option in alternatives(schema)]
    return frozenset().union(*map(types_of, options)) if options else types_of(schema)
