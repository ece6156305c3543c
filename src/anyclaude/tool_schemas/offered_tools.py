"""The tools of one request, and the calls a model makes to them."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from anyclaude.protocol.json_values import JsonError, decode_json, encode_json
from anyclaude.protocol.messages_request import Tool


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

    def __bool__(self) -> bool:
        """Return whether any tool was offered."""
        return bool(self._tools)

    def named(self, written: str) -> str | None:
        """Return the name of the tool that a model means, `None` if it was not offered or may be several."""
        return written if written in self._tools else None

    def checked(self, name: str, arguments: str) -> CheckedCall:
        """Return the call of an offered tool with `arguments`, the JSON text the model wrote, repaired if needed."""
        try:
            decode_json(arguments.encode())
        except JsonError as error:
            return CheckedCall(name, arguments, is_valid=False, problem=str(error))
        return CheckedCall(name, arguments)

    def checked_parameters(self, name: str, parameters: Mapping[str, str]) -> CheckedCall:
        """Return the call with arguments written one by one, as text, whose types only the schema knows."""
        return self.checked(name, encode_json(dict(parameters)).decode())
