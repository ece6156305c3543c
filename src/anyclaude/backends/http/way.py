"""The way to a server, in the HTTP library's words."""

import ssl
from typing import TypedDict

from aiohttp import hdrs
from yarl import URL

from anyclaude.backends.tls import tls_context
from anyclaude.network import ServerAddress, Way


class WayArguments(TypedDict):
    """The arguments of one request that say how the server is reached."""

    proxy: URL | None
    proxy_headers: dict[str, str] | None
    ssl: ssl.SSLContext | bool


def way_arguments(endpoint: ServerAddress, way: Way) -> WayArguments:
    """Return the arguments; raises `InvalidSetting` if the trusted certificates cannot be read."""
    return WayArguments(
        proxy=None if way.proxy is None else URL(way.proxy.url),
        proxy_headers=_authorization(way) or None,
        ssl=tls_context(way) if endpoint.scheme == "https" else True,
    )


def headers_on_the_way(endpoint: ServerAddress, way: Way) -> dict[str, str]:
    """Return the headers that a request itself has for a proxy; through a tunnel it has none."""
    return {} if endpoint.scheme == "https" else _authorization(way)


def _authorization(way: Way) -> dict[str, str]:
    authorization = way.proxy.authorization if way.proxy else None
    return {} if authorization is None else {hdrs.PROXY_AUTHORIZATION: authorization.reveal()}
