"""Every listener receives every event, in order."""

import pytest
from tests.parts.exchange_events import MAIN, ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.upstreams import prepared_for

from anyclaude.exchange import ExchangeBegan, ExchangeEnded, ExchangeListener, ExchangeProgressed, Listeners


class EventRecorder(ExchangeListener):
    """Appends the events it receives to a list that listeners share."""

    def __init__(self, name: str, events: list[tuple[str, object]]) -> None:
        self._name = name
        self._events = events

    def exchange_began(self, event: ExchangeBegan) -> None:
        self._events.append((self._name, event))

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        self._events.append((self._name, event))

    def exchange_ended(self, event: ExchangeEnded) -> None:
        self._events.append((self._name, event))


def test_every_listener_receives_every_event_in_order() -> None:
    events: list[tuple[str, object]] = []
    listeners = Listeners([EventRecorder("first", events), ExchangeListener(), EventRecorder("second", events)])
    prepared = prepared_for(FakeBackend(target_at("http://fake/v1")))
    began = ExchangeBegan("req_1", "/v1/messages", MAIN)
    progressed, end = ExchangeProgressed("req_1", MAIN, "queued", prepared), ended()

    listeners.exchange_began(began)
    listeners.exchange_progressed(progressed)
    listeners.exchange_ended(end)

    assert events == [(name, event) for event in (began, progressed, end) for name in ("first", "second")]


class Failing(ExchangeListener):
    """Fails at every event."""

    def exchange_began(self, event: ExchangeBegan) -> None:
        raise RuntimeError("began")

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        raise RuntimeError("progressed")

    def exchange_ended(self, event: ExchangeEnded) -> None:
        raise RuntimeError("ended")


def test_a_listener_that_fails_is_logged_and_the_others_receive_the_event(caplog: pytest.LogCaptureFixture) -> None:
    events: list[tuple[str, object]] = []
    listeners = Listeners([Failing(), EventRecorder("second", events)])

    listeners.exchange_began(ExchangeBegan("req_1", "/v1/messages", MAIN))
    listeners.exchange_progressed(
        ExchangeProgressed("req_1", MAIN, "queued", prepared_for(FakeBackend(target_at("http://fake/v1"))))
    )
    listeners.exchange_ended(ended())

    assert [type(event) for _, event in events] == [ExchangeBegan, ExchangeProgressed, ExchangeEnded]
    assert [record.getMessage() for record in caplog.records] == [
        f"Failing.exchange_{event} failed" for event in ("began", "progressed", "ended")
    ]
