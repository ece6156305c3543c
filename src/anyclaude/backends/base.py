"""The seam to the network: what a model server is to the rest of the program."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from anyclaude.dialects import WireRequest

from .target import BackendTarget


class BackendReply(Protocol):
    """A reply whose status is known and whose body is still arriving."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        ...

    @property
    def retry_after_seconds(self) -> float | None:
        """The delay after which the server accepts the request again, if it named one."""
        ...

    @property
    def location(self) -> str | None:
        """Where a redirection leads, if the server said it."""
        ...

    async def read_chunk(self, within_seconds: float) -> bytes:
        """
        Return the next bytes, `b""` at the end of the reply.

        Bytes that are not read stay in the socket: that is the back-pressure.

        Raises:
            BackendTimeout: when no bytes arrive within `within_seconds`.
            BackendTruncated: when the connection breaks.
        """
        ...

    def complete(self) -> None:
        """Note that nothing more of the body is needed: its connection can carry the next request once it ends."""
        ...

    async def read_error(self) -> bytes:
        """Return the beginning of an error's body: the part that could be read, which may be empty."""
        ...


class Backend(Protocol):
    """One model server."""

    @property
    def target(self) -> BackendTarget:
        """The server's address, model and profile."""
        ...

    def stream(self, request: WireRequest, within_seconds: float) -> AbstractAsyncContextManager[BackendReply]:
        """
        Send `request` and return its reply, which is valid inside the context; leaving early cancels the request.

        Raises:
            BackendUnreachable: when no connection can be made, or it breaks before the status.
            BackendTimeout: when no status arrives within `within_seconds`.
        """
        ...
