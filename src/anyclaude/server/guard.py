"""
Access control: the checks on the headers of every request.

Any web page can reach a loopback port.  Its requests carry an `Origin`, which no command-line client sends; and a page
that resolves its own name to 127.0.0.1 (DNS rebinding) sends that name as `Host`.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping

from msgspec import Struct

from anyclaude.errors import Forbidden, Unauthorized
from anyclaude.network import is_allowed_origin
from anyclaude.secret import Secret

_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f.]*:[0-9a-f:.]*)\]|(?P<ipv4>[0-9.]*[0-9])|(?P<name>[a-z0-9_.-]*[a-z_-][a-z0-9_-]*)\.?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
"""The form of `Host` that browsers and clients send, which is less than RFC 3986 allows; in lower case.  A name may end
in the dot of the root (RFC 1034, section 3.1), an address may not."""

MOST_PORT = 65_535

LOCAL_NAMES = frozenset({"localhost", "ip6-localhost", "127.0.0.1", "::1"})


class Guard(Struct, frozen=True, kw_only=True):
    """Checks the headers of a request against the origins and the token that the user has configured."""

    host: str = "127.0.0.1"
    """The address the gateway listens on."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names in `Host`, in lower case, by which a gateway on loopback may be reached besides those of loopback."""
    allowed_origins: frozenset[str] = frozenset()
    """As `parse_origin` returns them."""
    token: Secret | None = None

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """
        Check where a request comes from, and by which name it has reached the gateway.

        Raises:
            Forbidden: when `Host` or `Origin` is not allowed.
        """
        self._check_host(headers.get("Host", ""))
        origin = headers.get("Origin")
        if origin is not None and not self.allows(origin):
            raise Forbidden(
                f"requests from the web page {origin!r:.100} are refused; to allow them, set "
                f"ANYCLAUDE_ALLOWED_ORIGINS={origin:.100}"
            )

    def allows(self, origin: str) -> bool:
        """Return whether requests of a web page may be answered."""
        return is_allowed_origin(origin, self.allowed_origins)

    def check_token(self, headers: Mapping[str, str]) -> None:
        """
        Check the token of a request.

        Raises:
            Unauthorized: when it is missing or wrong.
        """
        if self.token is not None and not _are_equal(_presented_token(headers), self.token.reveal()):
            raise Unauthorized("the gateway's token is missing or wrong; send it as a bearer token or as x-api-key")

    def _check_host(self, header: str) -> None:
        """Require a loopback name if the gateway listens on loopback; elsewhere the token protects it."""
        name = host_in(header)
        if is_loopback(self.host) and not is_loopback(name) and name not in self.allowed_hosts:
            raise Forbidden(
                f"the host {header!r:.100} is not a loopback name or address; use 127.0.0.1 or localhost, or set "
                f"ANYCLAUDE_ALLOWED_HOSTS={name or 'NAME':.100}"
            )


def is_loopback(name: str) -> bool:
    """Return whether a host name or address is one of loopback, which other machines cannot reach."""
    if name.lower() in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_in(header: str) -> str:
    """Return the name or address in a `Host` header, in lower case and without the port; empty if there is none."""
    found = _HOST.fullmatch(header.lower()) if header.isascii() else None
    if found is None or not 0 < int(found["port"] or 1) <= MOST_PORT:
        return ""
    return found["ipv6"] or found["ipv4"] or found["name"]


def _presented_token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _are_equal(presented: str, expected: str) -> bool:
    """Return whether two tokens are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(presented.encode(errors="replace"), expected.encode())
