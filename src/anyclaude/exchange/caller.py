"""The sender of a request, according to its headers."""

from collections.abc import Mapping
from typing import get_args

from msgspec import Struct

from anyclaude.bounded_dict import bounded_key
from anyclaude.exchange_record import RequestClass
from anyclaude.scheduling import Priority

SESSION_HEADER = "x-claude-code-session-id"
AGENT_HEADER = "x-claude-code-agent-id"
CLASS_HEADER = "x-claude-code-request-class"
BETAS_HEADER = "anthropic-beta"

INTERLEAVED_THINKING = "interleaved-thinking"
"""The beta with which a thinking budget may exceed `max_tokens`, without its date (docs: Extended thinking)."""

REPLY_SHARES: Mapping[RequestClass, int] = {"main": 8, "subagent": 8, "workflow": 8, "compaction": 16}
"""An eighth of the window for a turn, because a reply that ends where the window does is cut in the middle of a call; a
sixteenth for a summary, which has 500 words.  With less, the client compacts."""

REQUEST_CLASSES: tuple[RequestClass, ...] = tuple(name for name in get_args(RequestClass) if name != "warm_up")
"""The classes that a client may send; `warm_up` is reserved for the gateway."""


class Caller(Struct, frozen=True):
    """
    The client, its session, and the part of it that sends the request.

    Sub-agents share their parent's session; the agent id distinguishes them.  The class comes from
    the hint headers that the launcher switches on (`CLAUDE_CODE_GATEWAY_HINT_HEADERS`, 2.1.273 and later).
    """

    is_claude_code: bool
    session: str | None
    agent: str | None
    request_class: RequestClass
    opening: str | None = None
    """A digest that distinguishes the conversations of a client that sends no session id."""
    interleaves_thinking: bool = False
    """Whether the client has switched on the beta that has the model think between its calls."""

    @property
    def group(self) -> str:
        """A key common to all conversations of one session."""
        return self.session or self.opening or ""

    @property
    def conversation(self) -> str:
        """A key common to all turns of one conversation, and different for every other conversation."""
        return f"{self.group}/{self.agent or ''}/{'auxiliary' if self.request_class == 'auxiliary' else ''}"

    @property
    def is_gateway(self) -> bool:
        """Whether the gateway itself sends the request."""
        return self.request_class == "warm_up"

    @property
    def is_main_conversation(self) -> bool:
        """Whether the request belongs to the user's own conversation; requests of unknown classes count as such."""
        return self.agent is None and self.request_class in {"main", "unknown"}

    @property
    def is_subagent(self) -> bool:
        """Whether a sub-agent sends the request."""
        return self.request_class == "subagent" or self.agent is not None

    @property
    def reply_share(self) -> int:
        """The part of the window that a prompt leaves for its reply; other clients have not asked for any."""
        return REPLY_SHARES.get(self.request_class, 0) if self.is_claude_code else 0

    @property
    def priority(self) -> Priority:
        """How urgent the request is to the user."""
        if self.request_class == "auxiliary":
            return Priority.AUXILIARY
        return Priority.SUBAGENT if self.is_subagent or self.request_class == "workflow" else Priority.MAIN


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Return the caller according to the headers of a request; the mapping decides how names are matched."""
    session = _id(headers.get(SESSION_HEADER))
    return Caller(
        is_claude_code=session is not None or headers.get("User-Agent", "").startswith("claude-cli/"),
        session=session,
        agent=_id(headers.get(AGENT_HEADER)),
        request_class=_request_class(headers.get(CLASS_HEADER)),
        interleaves_thinking=INTERLEAVED_THINKING in headers.get(BETAS_HEADER, ""),
    )


def _id(value: str | None) -> str | None:
    """Return a header as an id; bytes that are not UTF-8 arrive as lone surrogates, which cannot be encoded again."""
    return None if value is None else bounded_key(value.encode(errors="surrogateescape").decode(errors="replace"))


def _request_class(value: str | None) -> RequestClass:
    return next((name for name in REQUEST_CLASSES if name == value), "unknown")
