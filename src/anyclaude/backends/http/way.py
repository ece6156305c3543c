"""The way to a server, in the HTTP library's words."""

import ssl
from typing import TypedDict

from aiohttp import BasicAuth
from yarl import URL

from anyclaude.backends.address import ServerAddress
from anyclaude.backends.route import Route


class Way(TypedDict):
    """The arguments of one request that say how the server is reached."""

    proxy: URL | None
    proxy_auth: BasicAuth | None
    ssl: ssl.SSLContext | bool


def way_to(endpoint: ServerAddress, route: Route) -> Way:
    """Return the arguments; raises `InvalidSetting` if the trusted certificates cannot be read."""
    proxy = route.proxy
    authorization = proxy.authorization if proxy else None
    return Way(
        proxy=None if proxy is None else URL(proxy.url),
        proxy_auth=None if authorization is None else BasicAuth.decode(authorization.reveal(), encoding="utf-8"),
        ssl=route.tls_context() if endpoint.scheme == "https" else True,
    )
