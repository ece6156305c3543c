"""The prefix contract: each prompt a gateway sends for a conversation extends the conversation's previous prompt.

An engine's cache matches a prompt from the front only, so a prompt that changes before its end is evaluated again from
the change on.  This pytest plugin (see `tests/conftest.py`) observes every request that the gateways of
`running_gateway` send, and fails a test in which a conversation's prompt does not extend the previous one.  A test in
which a prompt has to change gives the reason:

    @pytest.mark.moves_prefix(reason="the user has rewound the conversation")

An empty reason fails the test, and so does an unnecessary one.
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

MARKER = "moves_prefix(reason): a conversation's prompt has to change before its end"
AROUND = 60
"""Number of characters shown on either side of a difference."""

Key: TypeAlias = tuple[str, JsonValue]


class BrokenContract(AssertionError):
    """A prompt does not extend the previous one without a reason, or a reason was given without need."""


@dataclass(frozen=True, slots=True)
class Move:
    """A prompt that does not extend the conversation's previous one: the texts around the first difference."""

    conversation: str
    at: int
    before: str
    now: str

    def __str__(self) -> str:
        where = f"the prompt of {self.conversation} changed at character {self.at}"
        return f"{where}:\n  {self.before!r}\n  became {self.now!r}"


class PrefixContract:
    """Records the last prompt of each conversation, and every prompt that did not extend it."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self._last: dict[Key, str] = {}

    def observe(self, conversation: str, request: WireRequest) -> None:
        """Compare a request with the conversation's last one; a prefix of the last prompt is not a move."""
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
        """
        Fail unless every prompt extended the previous one, or `reason` says why one did not; None means no reason.

        Raises:
            BrokenContract: when a prompt moved without a reason, or the reason is empty or unnecessary.
        """
        if reason is None and self.moves:
            raise BrokenContract("\n".join(map(str, self.moves)))
        if reason is not None and not reason.strip():
            raise BrokenContract("give the reason why the prompt has to move: moves_prefix(reason=…)")
        if reason is not None and not self.moves:
            raise BrokenContract(f"no prompt has moved, so the reason is unnecessary: {reason}")


def has_turns(conversation: str) -> bool:
    """Return whether the conversation has turns; requests without a session and auxiliary requests are independent."""
    session, _, rest = conversation.partition("/")
    return bool(session) and not rest.endswith("/auxiliary")


def prompt_of(body: JsonObject) -> str:
    """Return the prompt of a Chat Completions body as a template renders it: the tools, then the messages.

    No message has an end marker: the last one may still grow, the user's when more text follows, the assistant's when
    it continues after an interruption.
    """
    messages = body.get("messages")
    assert isinstance(messages, list)
    tools = json.dumps(body["tools"]) if "tools" in body else ""
    return tools + "".join(_rendered(message) for message in messages if isinstance(message, dict))


def _rendered(message: JsonObject) -> str:
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
"""The contract of the running test; the gateways of tests have no other way to find it."""


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
def observing() -> Iterator[PrefixContract]:
    """Observe the gateways under test for the duration of the context."""
    contract = PrefixContract()
    _contracts.append(contract)
    try:
        yield contract
    finally:
        _contracts.remove(contract)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Observe from the first fixture to the last, because some run a whole session for the tests of a module."""
    with observing():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that has passed if a prompt moved without a reason, or a reason was given without need."""
    result = yield
    marker = item.get_closest_marker("moves_prefix")
    _contracts[-1].check(None if marker is None else str(marker.kwargs.get("reason", "")))
    return result
