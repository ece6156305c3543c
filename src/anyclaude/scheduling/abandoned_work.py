"""
Replies whose client has left, and which their server continues.

vllm-mlx's simple engine computes a reply to its end after its client has left, and answers 500 to other requests
meanwhile (0.6.0, tried).  `GET /v1/status` shows what it computes: `requests`, each with its `request_id`
(vllm_mlx/server.py, `status`).  So before the next request, such a server is asked until it has let go.
"""

from collections.abc import Awaitable, Callable

from anyclaude.backends import Backend, query_or_none
from anyclaude.dialects import WireRequest
from anyclaude.protocol.json_values import JsonError, decode_json

STATUS_SECONDS = 5.0
"""The time limit of one question: the simple engine answers it while it computes."""

PAUSE_SECONDS = 0.2
"""Between two questions; a short reply ends within a second."""


class AbandonedWork:
    """Whether a server may still compute a reply whose client has left."""

    def __init__(self) -> None:
        self._open = 0
        self._was_left = False

    def begun(self) -> None:
        """Note that a reply is requested."""
        self._open += 1

    def ended(self, *, is_over: bool) -> None:
        """Note that its connection is closed; `is_over` states that the server has nothing more to do for it."""
        self._open -= 1
        self._was_left = self._was_left or not is_over

    async def wait_for_end(
        self,
        backend: Backend,
        admitted: int,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        within_seconds: float,
    ) -> float | None:
        """
        Wait until the server has let go of what was left, and return the seconds; `None` if nothing was.

        `admitted` requests have a turn, the one that waits among them; a further reply that is open is being closed.
        """
        path = backend.target.profile.running_path
        if path is None or not (self._was_left or self._open >= admitted):
            return None
        self._was_left, begun = False, clock()
        running = left = await _running(backend, path)
        while running & left and clock() - begun < within_seconds:
            await sleep(PAUSE_SECONDS)
            running = await _running(backend, path)
        return clock() - begun


async def _running(backend: Backend, path: str) -> frozenset[str]:
    """Return the ids of the requests that the server computes; none if it does not say."""
    question = WireRequest(path, accept="application/json", at_root=True, method="GET")
    answer = await query_or_none(backend, question, STATUS_SECONDS)
    try:
        document = None if answer is None else decode_json(answer)
    except JsonError:
        return frozenset()
    listed = document.get("requests") if isinstance(document, dict) else None
    entries = listed if isinstance(listed, list) else []
    return frozenset(str(entry.get("request_id")) for entry in entries if isinstance(entry, dict))
