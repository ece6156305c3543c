"""Connections to the web: without cookies, without what the environment would add, and with bodies as they arrive."""

from collections.abc import Sequence

import aiohttp
from aiohttp import hdrs

from anyclaude.backends.http.way import WayArguments, way_arguments
from anyclaude.network import ServerAddress, Way
from anyclaude.worker_threads import in_daemon_thread

from .body import ACCEPTED_CODINGS
from .guard import IpAddress, PinnedResolver

CONNECT_SECONDS = 10.0
"""A server that is there accepts within two round trips, also on the other side of the world."""


def open_session(addresses: Sequence[IpAddress] | None = None) -> aiohttp.ClientSession:
    """Return a session, which the caller closes; with `addresses`, it connects to these only, whatever the host."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=None if addresses is None else PinnedResolver(addresses), use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={hdrs.ACCEPT_ENCODING: ACCEPTED_CODINGS},
        auto_decompress=False,  # `read_body` unpacks
        trust_env=False,  # proxies are those of `Network`
    )


async def arguments_of(address: ServerAddress, way: Way) -> WayArguments:
    """
    Return what a request needs to go this way.

    Reading the certificates takes some 20 ms, in a thread; raises `InvalidSetting` if they cannot be read.
    """
    return await in_daemon_thread(lambda: way_arguments(address, way))
