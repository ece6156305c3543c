"""Questions to a model server beside the replies: how many tokens, which tokens.  They can wait, and may fail."""

from anyclaude.backends.http.client import Backend
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError


async def answer_to(question: WireRequest, backend: Backend, within_seconds: float) -> bytes | None:
    """Return the answer, `None` if the server cannot or will not give one; each silence may last so long."""
    try:
        async with backend.stream(question, within_seconds) as reply:
            body = b""
            while chunk := await reply.read_chunk(within_seconds):
                body += chunk
            return body if reply.status == 200 else None
    except BackendError:
        return None
