"""
Names of hosts, looked up in threads that are not waited for.

Where the name servers do not answer, the system's own function takes half a minute and cannot be interrupted; asyncio
would wait for its thread before the process ends, and so before the error is shown.
"""

import asyncio
import socket
from contextlib import suppress
from threading import Thread

from aiohttp.abc import AbstractResolver, ResolveResult


class DaemonResolver(AbstractResolver):
    """Looks names up with the system's function, each in a thread of its own, which ends with the process."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises `OSError` if there are none."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def look_up() -> None:
            found: list[ResolveResult] | OSError
            try:
                found = _addresses(host, port, family)
            except OSError as error:
                found = error
            with suppress(RuntimeError):  # the loop is closed, and with it the wait
                loop.call_soon_threadsafe(_settle, answer, found)

        Thread(target=look_up, daemon=True).start()
        return await answer

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _settle(answer: asyncio.Future[list[ResolveResult]], found: list[ResolveResult] | OSError) -> None:
    if answer.done():
        return  # the one who waited has given up
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return [
        ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=flags)
        for kind, _, protocol, _, address in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    ]
