"""The way to a server, in the HTTP library's words."""

import ssl
from typing import TypedDict

from aiohttp import hdrs
from yarl import URL

from anyclaude.backends.address import ServerAddress
from anyclaude.backends.route import Route


class Way(TypedDict):
    """The arguments of one request that say how the server is reached."""

    proxy: URL | None
    proxy_headers: dict[str, str] | None
    ssl: ssl.SSLContext | bool


def way_to(endpoint: ServerAddress, route: Route) -> Way:
    """Return the arguments; raises `InvalidSetting` if the trusted certificates cannot be read."""
    return Way(
        proxy=None if route.proxy is None else URL(route.proxy.url),
        proxy_headers=_authorization(route) or None,
        ssl=route.tls_context() if endpoint.scheme == "https" else True,
    )


def headers_on_the_way(endpoint: ServerAddress, route: Route) -> dict[str, str]:
    """Return the headers that a request itself has for a proxy; through a tunnel it has none."""
    return {} if endpoint.scheme == "https" else _authorization(route)


def _authorization(route: Route) -> dict[str, str]:
    authorization = route.proxy.authorization if route.proxy else None
    return {} if authorization is None else {hdrs.PROXY_AUTHORIZATION: authorization.reveal()}
