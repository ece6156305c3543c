"""
The events of an exchange, and the listeners that receive them.

    ExchangeBegan  ExchangeProgressed*  ExchangeEnded

Every exchange with a model announces these events, however it ends.  The features that listen to them do not know each
other: the journal, the conversation memory, the cache analyser, the prewarmer.  A listener overrides the hooks that it
needs.  Hooks run on the event loop and delay all requests: they must return at once, and start a task for longer work.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from anyclaude.dialects import EngineProgress
from anyclaude.exchange_record import ExchangeRecord, Outcome
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.scheduling.progress import Stage
from anyclaude.scheduling.upstream import PreparedRequest

from .caller import Caller

E = TypeVar("E")

NO_CALLS: Mapping[str, str] = MappingProxyType({})
NO_FIELDS: Mapping[str, ProviderFields] = MappingProxyType({})

_log = logging.getLogger(__name__)


class ExchangeBegan(Struct, frozen=True):
    """A request has arrived; its body has not been read yet."""

    request_id: str
    path: str
    caller: Caller


class ExchangeProgressed(Struct, frozen=True):
    """
    A request has entered a stage: it waits for its turn, its prompt is evaluated, or its reply has begun, for example.

    Each attempt, fallback and continuation announces its stages again; `prepared` is the request sent this time.
    """

    request_id: str
    caller: Caller
    stage: Stage
    prepared: PreparedRequest
    engine: Callable[[], EngineProgress] = EngineProgress
    """Returns how far the engine says that it is, whenever it is called."""
    failure: str = ""
    """Why the last attempt failed, in the stage `failing`."""


class ExchangeEnded(Struct, frozen=True, kw_only=True):
    """An exchange has ended, whether it succeeded or failed."""

    caller: Caller
    outcome: Outcome
    record: ExchangeRecord
    request: MessagesRequest | None = None
    """The request as the client sent it; `None` if it could not be decoded."""
    sent: PreparedRequest | None = None
    """The last request sent to a backend, not counting continuations."""
    reply_began: bool = False
    """Whether the backend's first delta arrived while the client was waiting."""
    reported: UsageReported = UsageReported()
    """The engine's own counts."""
    raw_arguments: Mapping[str, str] = NO_CALLS
    """The arguments of the reply's complete tool calls as the model wrote them, by tool use id."""
    repaired_arguments: Mapping[str, str] = NO_CALLS
    """The arguments that the client received for the calls that a filter has repaired, by tool use id."""
    written_calls: Mapping[str, str] = NO_CALLS
    """The model's own text of the calls that a filter has read out of the reply's text, by tool use id."""
    provider_fields: Mapping[str, ProviderFields] = NO_FIELDS
    """What the server wants back with the reply's complete tool calls, by tool use id."""


class ExchangeListener:
    """The base class of listeners; each hook does nothing unless it is overridden."""

    def exchange_began(self, event: ExchangeBegan) -> None:
        """A request has arrived."""

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """A request has entered a stage."""

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """An exchange has ended; called exactly once for each exchange that began."""


class Listeners(ExchangeListener):
    """Passes each event to every listener, in order; the failure of one is logged, and reaches nothing else."""

    def __init__(self, listeners: Iterable[ExchangeListener] = ()) -> None:
        every = tuple(listeners)
        followers = (it for it in every if type(it).exchange_progressed is not ExchangeListener.exchange_progressed)
        self._began = tuple(listener.exchange_began for listener in every)
        self._progressed = tuple(listener.exchange_progressed for listener in followers)
        """Only those that override the hook: it is called often."""
        self._ended = tuple(listener.exchange_ended for listener in every)

    def exchange_began(self, event: ExchangeBegan) -> None:
        """Pass the event on."""
        _call(self._began, event)

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Pass the event on."""
        _call(self._progressed, event)

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Pass the event on."""
        _call(self._ended, event)


def _call(hooks: Sequence[Callable[[E], None]], event: E) -> None:
    for hook in hooks:
        try:
            hook(event)
        except Exception:  # noqa: BLE001  # a defect of one feature must not cost the reply
            _log.exception("%s failed", getattr(hook, "__qualname__", hook))
