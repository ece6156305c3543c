"""
Which hosts a fetch may reach: public ones only.

A page, or a model that has read one, may name any address.  Behind a private one there are routers, databases and the
credentials of clouds, which trust every client that can reach them.  So a host is resolved once, every address that it
has must be public, and the connection is made to these very addresses: a name that means something else the next time
(DNS rebinding) is not asked again.
"""

import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from anyclaude.errors import WebToolFailed
from anyclaude.network.address import PRIVATE_SUFFIXES
from anyclaude.worker_threads import in_daemon_thread

IpAddress: TypeAlias = IPv4Address | IPv6Address
IsAllowed: TypeAlias = Callable[[IpAddress], bool]
Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the addresses of a name; raises `OSError` if there is none."""

NOT_PUBLIC_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # from here on the IANA IPv4 Special-Purpose Address Registry
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, VPNs, and Alibaba's metadata service
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # also Oracle's metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # Azure's servers for its own machines (learn.microsoft.com: What is IP 168.63.129.16)
    )
)

PUBLIC_V6 = ip_network("2000::/3")
"""All global unicast addresses that have been assigned (IANA IPv6 Address Space)."""

NOT_PUBLIC_V6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, among them Teredo, which has other addresses inside
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation (RFC 9637)
    )
)

NAT64 = ip_network("64:ff9b::/96")
"""An IPv4 address in its last 32 bits (RFC 6052); networks without IPv4 reach all of it so."""

_LEGACY_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", re.IGNORECASE)
"""What C libraries take for an IPv4 address besides the four decimal numbers: `127.1`, `0x7f000001`, `017700000001`."""


def is_public(address: IpAddress) -> bool:
    """Return whether an address is one of the public internet, and so is what it has inside."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    inner = address.ipv4_mapped or address.sixtofour or (_last_four(address) if address in NAT64 else None)
    if inner is not None:
        return is_public(inner)
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def check_name(host: str, is_allowed: IsAllowed = is_public) -> None:
    """
    Return if a host may be public, as far as its name shows it; all that can be known of one behind a proxy.

    Raises:
        WebToolFailed: when it is private, or an address in a form that programs understand differently.
    """
    name = host.lower().rstrip(".")
    if (number := _number(host)) is None:
        is_private = "." not in name or name.endswith(PRIVATE_SUFFIXES) or _LEGACY_NUMBER.fullmatch(name) is not None
        if is_private:
            raise _refused(host)
    elif not is_allowed(number):
        raise _refused(host)


async def checked_addresses(
    host: str, resolve: Resolve | None = None, is_allowed: IsAllowed = is_public
) -> tuple[IpAddress, ...]:
    """
    Return the addresses of a host, which is resolved once; all of them are allowed.

    Raises:
        WebToolFailed: when one of them is not, or there is none.
    """
    check_name(host, is_allowed)
    if (number := _number(host)) is not None:
        return (number,)
    try:
        addresses = tuple(ip_address(text) for text in await (resolve or _system_addresses)(host))
    except (OSError, ValueError) as error:
        raise WebToolFailed(
            "url_not_accessible", f"The host {host} was not found. Check its spelling, or search for the page."
        ) from error
    if not addresses or not all(map(is_allowed, addresses)):
        raise _refused(host)
    return addresses


class PinnedResolver(AbstractResolver):
    """Returns for every host the addresses that were checked."""

    def __init__(self, addresses: Sequence[IpAddress]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses, whatever `host` is."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _system_addresses(host: str) -> list[str]:
    found = await in_daemon_thread(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _number(host: str) -> IpAddress | None:
    try:
        return ip_address(host.rstrip("."))
    except ValueError:
        return None


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(address.packed[-4:])


def _refused(host: str) -> WebToolFailed:
    return WebToolFailed(
        "url_not_allowed",
        f"{host} is on this machine or in a private network, where anyclaude fetches nothing for a model. "
        "Use a public address, or a tool of the client's.",
    )
