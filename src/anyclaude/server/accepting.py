"""
Accepts connections, no more than there are descriptors for.

The event loops do not.  Without a descriptor left, asyncio's tries `backlog` times in a row, logs a traceback each
time, and begins again a second later (`selector_events.py`, `_accept_connection`); uvloop's closes the new connections
without a word.  The gateway's own connections fail as well then.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence

from anyclaude.bounds import CONNECTION_BACKLOG
from anyclaude.descriptors import are_exhausted
from anyclaude.exchange import Clock

from .connection import GatewayServer

PAUSE_SECONDS = 0.1
"""How long nothing is accepted after a failure: the kernel keeps the connections that wait."""

ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""What the system answers for an address that it does not have, such as that of `localhost` where IPv6 is off."""


async def listening_sockets(host: str, port: int) -> Sequence[socket.socket]:
    """
    Return sockets that listen on all addresses of a host; port 0 selects a free one.

    Raises:
        OSError: when the host has no address, or another process listens on one of them.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in dict.fromkeys((family, address) for family, *_, address in found):
        try:
            listening.append(socket.create_server(address, family=family, backlog=CONNECTION_BACKLOG))
        except OSError as error:
            absent = error
            if error.errno not in ABSENT:
                break
    else:
        if listening:
            return listening
    for opened in listening:
        opened.close()
    raise absent or OSError(errno.EADDRNOTAVAIL, f"{host} has no address")


class Acceptor:
    """Accepts the connections of a server, one by one, so that it can make room before the next."""

    def __init__(self, server: GatewayServer, listening: Sequence[socket.socket], clock: Clock) -> None:
        self._server = server
        self._listening = listening
        self._clock = clock
        self._accepting: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port, of the first address if there are several."""
        port: int = self._listening[0].getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to accept connections."""
        for listening in self._listening:
            listening.setblocking(False)
            self._accepting.append(asyncio.create_task(self._accept_from(listening)))

    async def stop(self) -> None:
        """Accept no more connections, and close the port."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for listening in self._listening:
            listening.close()

    async def _accept_from(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:
                if are_exhausted(error):
                    self._server.shortage.note(f"no descriptor is left: {error.strerror}")
                    self._server.close_longest_idle()
                await self._clock.sleep(PAUSE_SECONDS)
                continue
            try:
                await loop.connect_accepted_socket(self._server, accepted)
            except OSError:  # its client has left
                accepted.close()
