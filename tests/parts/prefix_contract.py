"""The prefix contract: what a gateway asks for a conversation begins with what it asked before.

An engine's cache matches from the front only, so a prompt that changes where it was read already is evaluated anew
from there.  This is a plugin of pytest (`tests/conftest.py`): it watches every request that the gateways of
`running_gateway` send, and fails a test in which a conversation's prompt does not extend the last one.  A test in which
one has to move says why:

    @pytest.mark.moves_prefix(reason="the user has rewound the conversation")

An empty reason fails, and so does one that is not needed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from anyclaude.dialects import WireRequest
from anyclaude.exchange import ExchangeListener, ExchangeProgressed
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

MARKER = "moves_prefix(reason): a conversation's prompt changes where it was read already, and has to"
AROUND = 60
"""How many characters are shown on either side of a difference."""

Key: TypeAlias = tuple[str, JsonValue]


class BrokenContract(AssertionError):
    """A prompt has moved and nobody said why, or somebody said why and none has."""


@dataclass(frozen=True, slots=True)
class Move:
    """A prompt that does not extend the conversation's last one: the texts around the first difference."""

    conversation: str
    at: int
    before: str
    now: str

    def __str__(self) -> str:
        where = f"the prompt of {self.conversation} changed at character {self.at}"
        return f"{where}:\n  {self.before!r}\n  became {self.now!r}"


class PrefixContract:
    """What was asked for each conversation, and where a prompt has moved."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self._last: dict[Key, str] = {}

    def observe(self, conversation: str, request: WireRequest) -> None:
        """Compare a request with the conversation's last one; a shorter one that was read already moves nothing."""
        if not has_turns(conversation):
            return
        body = decode_json(request.body)
        assert isinstance(body, dict)
        key, now = (conversation, body.get("model")), prompt_of(body)
        before = self._last.get(key, "")
        if not now.startswith(before) and not before.startswith(now):
            self.moves.append(_move(conversation, before, now))
        self._last[key] = now

    def check(self, reason: str | None) -> None:
        """Raise `BrokenContract` unless the prompts were kept, or moved for a reason; `None` is the lack of one."""
        if reason is None and self.moves:
            raise BrokenContract("\n".join(map(str, self.moves)))
        if reason is not None and not reason.strip():
            raise BrokenContract("say why the prompt has to move: moves_prefix(reason=…)")
        if reason is not None and not self.moves:
            raise BrokenContract(f"no prompt has moved, so there is no need to say why: {reason}")


def has_turns(conversation: str) -> bool:
    """Tell whether requests of this name belong together: one without a session, or an auxiliary one, stands alone."""
    session, _, rest = conversation.partition("/")
    return bool(session) and not rest.endswith("/auxiliary")


def prompt_of(body: JsonObject) -> str:
    """Write the prompt of a Chat Completions body as a template does: the tools, then the messages.

    None is closed: the last one may still grow, the user's by what is said next, the assistant's when it goes on after
    a break.
    """
    messages = body.get("messages")
    assert isinstance(messages, list)
    tools = json.dumps(body["tools"]) if "tools" in body else ""
    return tools + "".join(_said(message) for message in messages if isinstance(message, dict))


def _said(message: JsonObject) -> str:
    content = message.get("content")
    parts = content if isinstance(content, list) else [content or ""]
    texts = [part if isinstance(part, str) else _part(part) for part in parts]
    calls = json.dumps(message["tool_calls"]) if "tool_calls" in message else ""
    return f"\n<{message['role']}>\n{message.get('reasoning_content') or ''}{''.join(texts)}{calls}"


def _part(part: JsonValue) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            return json.dumps(part)


def _move(conversation: str, before: str, now: str) -> Move:
    pairs = enumerate(zip(before, now, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(before), len(now)))
    start, end = max(0, at - AROUND), at + AROUND
    return Move(conversation, at, before[start:end], now[start:end])


_contracts: list[PrefixContract] = []
"""The contract of the test that runs; the gateways of tests have no other way to know it."""


class PrefixListener(ExchangeListener):
    """Passes every request that a gateway under test sends to the contract of the running test."""

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Observe a request when it is sent."""
        if event.stage == "evaluating":
            observe(event.prepared.source.conversation, event.prepared.wire)


def observe(conversation: str, request: WireRequest) -> None:
    """Pass a request to the contract of the running test."""
    for contract in _contracts[-1:]:
        contract.observe(conversation, request)


@contextmanager
def watching() -> Iterator[PrefixContract]:
    """Watch the gateways under test for the time of the block."""
    contract = PrefixContract()
    _contracts.append(contract)
    try:
        yield contract
    finally:
        _contracts.remove(contract)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Watch from the first fixture to the last: some play a whole session for the tests of a module."""
    with watching():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that has passed if a prompt moved in it, or should have and did not."""
    result = yield
    marker = item.get_closest_marker("moves_prefix")
    _contracts[-1].check(None if marker is None else str(marker.kwargs.get("reason", "")))
    return result
