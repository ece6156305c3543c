"""Who sent a request, as its headers tell."""

from collections.abc import Mapping
from typing import get_args

from msgspec import Struct

from anyclaude.scheduling.queue import Priority

from .record import RequestClass

SESSION_HEADER = "x-claude-code-session-id"
AGENT_HEADER = "x-claude-code-agent-id"
CLASS_HEADER = "x-claude-code-request-class"

REQUEST_CLASSES: tuple[RequestClass, ...] = tuple(name for name in get_args(RequestClass) if name != "warm_up")
"""What a client may call itself."""


class Caller(Struct, frozen=True):
    """
    The client, its session, and the part of it that speaks.

    Sub-agents share their parent's session; the agent id tells them apart.  The class comes from
    the hint headers the launcher switches on (`CLAUDE_CODE_GATEWAY_HINT_HEADERS`, 2.1.273 and later).
    """

    is_claude_code: bool
    session: str | None
    agent: str | None
    request_class: RequestClass
    opening: str | None = None
    """What tells the conversations of a client apart that names no session."""

    @property
    def group(self) -> str:
        """What the conversations of one user's session have in common."""
        return self.session or self.opening or ""

    @property
    def conversation(self) -> str:
        """A key that is the same for all turns of one conversation and different for others."""
        return f"{self.group}/{self.agent or ''}/{'auxiliary' if self.request_class == 'auxiliary' else ''}"

    @property
    def is_subagent(self) -> bool:
        """Whether a sub-agent speaks."""
        return self.request_class == "subagent" or self.agent is not None

    @property
    def priority(self) -> Priority:
        """How long the user would mind its waiting."""
        if self.request_class == "auxiliary":
            return Priority.AUXILIARY
        return Priority.SUBAGENT if self.is_subagent or self.request_class == "workflow" else Priority.MAIN


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Read the headers of a request; names are matched as the mapping does."""
    session = _text(headers.get(SESSION_HEADER))
    return Caller(
        is_claude_code=session is not None or headers.get("User-Agent", "").startswith("claude-cli/"),
        session=session,
        agent=_text(headers.get(AGENT_HEADER)),
        request_class=_request_class(headers.get(CLASS_HEADER)),
    )


def _text(value: str | None) -> str | None:
    """Return a header as text: bytes that are no UTF-8 arrive as lone surrogates, which nothing can write down."""
    return None if value is None else value.encode(errors="surrogateescape").decode(errors="replace")


def _request_class(value: str | None) -> RequestClass:
    return next((name for name in REQUEST_CLASSES if name == value), "unknown")
