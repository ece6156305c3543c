"""Upstreams over fake backends, and requests prepared for them."""

from tests.parts.fake_backend import FakeBackend

from anyclaude.backends import CircuitBreaker
from anyclaude.dialects import dialect_named
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling import Admission, BackendRequest, FollowedServer, PreparedRequest, Upstream

HELLO = BackendRequest(MessagesRequest(model="m", max_tokens=9, messages=(Turn("user", "Hello"),)), "conversation")
"""A short request of one conversation."""


def upstream_of(backend: FakeBackend, waiting_limit: int = 1, *, evicts_prompts: bool = False) -> Upstream:
    """Return an upstream that serves one request at a time, on a clock that stands still."""
    admission = Admission(1, waiting_limit, evicts_prompts=evicts_prompts)
    return Upstream(FollowedServer(backend), dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), admission)


def prepared_for(backend: FakeBackend, request: BackendRequest = HELLO) -> PreparedRequest:
    """Return a request prepared for an upstream over `backend`."""
    return upstream_of(backend).prepare(request)
