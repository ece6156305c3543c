"""
Decides while JSON arrives whether it may be a call: by its keys, the name of the tool, and what its values begin with.

A JSON answer is then passed on from its first key that no call has, and a call of a tool that was not offered from its
name.  What is no proper JSON decides nothing here: whether it can be repaired is seen once it is whole.
"""

import re

from msgspec import Struct

from .calls import (
    ARGUMENT_KEYS,
    CALL_TYPES,
    CALLS_KEYS,
    FIRST_KEYS,
    MESSAGE_KEYS,
    NAME_KEYS,
    OTHER_KEYS,
    NotACall,
    OfferedCalls,
    is_usual,
)

_NAME_TEXT = re.compile(r"[\w.\-:/() ]*")
_WORD = re.compile(r"\w*")
_BARE_KEYS = re.compile(r"[^\W\d]|\$")
"""What a key without quotation marks begins with."""

_REASON_KEYS = frozenset({"thought", "thoughts", "reason", "reasoning", "explanation"})
"""Where tags leave no doubt, models also say why they call the tool, before its name."""

_NOT_YET_A_KEY = frozenset("\"'“{}/#")
"""What may follow the bracket of an object besides such a key: a string, another bracket, a comment."""


class _Object(Struct):
    """What is known about an object that may be a call, or a message with calls."""

    may_be_message: bool = False
    may_hold_call: bool = True
    """Whether its `function` may be the call itself."""
    key: str | None = None
    """The key whose value comes next, if it is known."""
    has_keys: bool = False
    name_key: str = ""
    is_named: bool = False
    argument_key: str = ""
    has_call_keys: bool = False
    has_message_keys: bool = False
    has_call_type: bool = False
    is_from_assistant: bool = False


class CallShape:
    """Follows the brackets, keys and strings of one JSON value, and refuses it as soon as it cannot hold calls."""

    def __init__(self, offered: OfferedCalls, *, is_certain: bool) -> None:
        self._offered = offered
        self._is_certain = is_certain
        self._open: list[_Object | None] = []
        """The objects and lists that are open and followed; `None` is a list."""
        self._is_name = False

    @property
    def depth(self) -> int:
        """How many brackets are open where members matter; what lies deeper are values."""
        return len(self._open)

    @property
    def is_in_object(self) -> bool:
        """Whether members have keys here."""
        return bool(self._open) and self._open[-1] is not None

    def opened(self, bracket: str, before: str) -> None:
        """
        Take note of a bracket after the character `before`.

        Raises:
            NotACall: if no call has one here.
        """
        if not self._open:
            self._open.append(None if bracket == "[" else _Object(may_be_message=True))
            return
        parent = self._open[-1]
        if parent is None:
            if bracket != "{":
                raise NotACall("it is a list of something else")
            self._open.append(_Object())
        elif before == ":":
            self._opened_value(parent, bracket)
        elif before == "{" == bracket and self._is_certain:  # models copy the doubled braces of a Python template
            self._open.append(_Object(may_be_message=True))

    def _opened_value(self, parent: _Object, bracket: str) -> None:
        key, parent.key = parent.key, None
        if key is None:
            return
        if key == "function" and bracket == "{" and parent.may_hold_call:
            parent.is_named = True
            self._open.append(_Object(may_hold_call=False))
        elif key in CALLS_KEYS and parent.may_be_message and not parent.is_named:
            parent.is_named = True
            self._open.append(None if bracket == "[" else _Object())
        elif not self._may_open(parent, key, bracket):
            raise NotACall(f"its {key!r} has another type than a call's")

    def _may_open(self, parent: _Object, key: str, bracket: str) -> bool:
        if key not in FIRST_KEYS:
            return bracket == "{" or parent.is_named or key in _REASON_KEYS
        if key == "function" and bracket == "{":
            return parent.is_named
        if self._is_certain or key in ARGUMENT_KEYS:
            return self._is_certain or bracket == "{"
        return key == "content" and (parent.is_from_assistant or parent.is_named)

    def closed(self) -> None:
        """Take note of the bracket that closes the innermost object or list."""
        self._open.pop()

    def begins(self, character: str) -> bool:
        """
        Take note of what an object begins with, and return whether that may be a key without quotation marks.

        Raises:
            NotACall: if it is no key.
        """
        if not character or character in ("\"'" if not self._is_certain else _NOT_YET_A_KEY):
            return False
        if self._is_certain and _BARE_KEYS.match(character):
            return True
        raise NotACall("it has no keys")

    def key(self, key: str | None) -> None:
        """
        Take note of a key, `None` if it is not like any of a call.

        Raises:
            NotACall: if no call has it here.
        """
        parent = self._open[-1]
        assert parent is not None, "a list has no keys"
        if self._is_certain:
            is_known = key in FIRST_KEYS or key in _REASON_KEYS
            is_possible = parent.is_named or is_known or (not parent.has_keys and self._is_offered(key))
        else:
            is_possible = key is not None and self._is_possible(parent, key)
        if not is_possible:
            raise NotACall(f"no call has the key {(key or '')[:64]!r} here")
        parent.key, parent.has_keys = key, True

    def _is_offered(self, key: str | None) -> bool:
        try:
            return key is not None and bool(self._offered.name(key))
        except NotACall:
            return False

    @staticmethod
    def _is_possible(parent: _Object, key: str) -> bool:
        """Return whether a call, or a message with calls, may have this key beside those that it has."""
        if key in MESSAGE_KEYS:
            parent.has_message_keys = True
            return parent.may_be_message and not parent.has_call_keys
        parent.has_call_keys = True
        if key in NAME_KEYS:
            parent.name_key = parent.name_key or key
        elif key in ARGUMENT_KEYS:
            parent.argument_key = parent.argument_key or key
        elif key not in OTHER_KEYS:
            return False
        return not parent.has_message_keys and key in {parent.name_key, parent.argument_key, *OTHER_KEYS}

    def string_begins(self, first: str) -> re.Pattern[str] | None:
        """
        Take note of a string by its first character, and return what it must consist of if its text matters.

        Raises:
            NotACall: if no call has one here.
        """
        parent = self._open[-1]
        may_be_json = not first or first in "{\\\"'" or first.isspace()
        if parent is None:
            if self._is_certain and may_be_json:
                return None
            raise NotACall("it is a list of strings")
        key = parent.key
        if key is None:
            return None
        self._is_name = key in NAME_KEYS and (not parent.is_named or key == "name")
        if self._is_name:
            return _NAME_TEXT
        if not self._is_certain and key in ("type", "role"):
            return _WORD
        parent.key = None
        if not self._may_be_string(parent, key, first, may_be_json=may_be_json):
            raise NotACall(f"its {key!r} is text")
        return None

    def _may_be_string(self, parent: _Object, key: str, first: str, *, may_be_json: bool) -> bool:
        if key not in FIRST_KEYS:
            return may_be_json or parent.is_named or key in _REASON_KEYS
        if self._is_certain:
            return True
        if key in ARGUMENT_KEYS:
            is_call = parent.is_named and (parent.has_call_type or is_usual(parent.name_key, key))
            return may_be_json or is_call
        if key == "content":
            return parent.is_from_assistant or parent.is_named or first in "\"'"
        return key not in CALLS_KEYS

    def string(self, text: str | None) -> None:
        """
        Take note of the text of a string that matters, `None` if it does not consist of what it must.

        Raises:
            NotACall: if no call has that name, type or role.
        """
        parent = self._open[-1]
        assert parent is not None, "the strings of a list do not matter"
        key, parent.key = parent.key, None
        if self._is_name:
            if text is None:
                raise NotACall("it names no tool")
            self._offered.name(text)
            parent.is_named = True
        elif key == "type" and text in CALL_TYPES:
            parent.has_call_type = True
        elif key == "role" and text == "assistant":
            parent.is_from_assistant = True
        else:
            raise NotACall(f"its {key!r} is not that of a call")
