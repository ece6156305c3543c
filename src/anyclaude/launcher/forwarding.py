"""
Where mode `claude` forwards to: where the client would have gone without anyclaude.

A company's gateway gets its token, and no other host does.
"""

from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.backends.tls import tls_context
from anyclaude.errors import InvalidSetting
from anyclaude.network import ServerAddress, Way, client_certificate, network_of, parse_address
from anyclaude.settings import Settings

from .client import PROVIDERS, UserSettings
from .servers import described

ANTHROPIC = "https://api.anthropic.com"

SOCKET = "ANTHROPIC_UNIX_SOCKET"
UNCHECKED = "NODE_TLS_REJECT_UNAUTHORIZED"
"""With the first the client sends its requests to a socket, whatever its base URL is; with 0 in the second it trusts
every certificate (both measured with Claude Code 2.1.332)."""


def forward_way(settings: Settings, user: UserSettings) -> Way:
    """
    Return the way to that address, as the client would have taken it.

    Raises:
        InvalidSetting: when the client would use another provider, whose address no variable tells.
    """
    environment = user.environment
    for name in PROVIDERS:
        if environment.get(name, "").lower() not in {"", "0", "false", "no", "off"}:
            raise InvalidSetting(
                f"{name} makes Claude Code use another provider, and no gateway; start `claude` itself, or unset it"
            )
    if environment.get(SOCKET):
        raise InvalidSetting(
            f"{SOCKET} makes Claude Code use that socket, and no gateway; start `claude` itself, or unset it"
        )
    network = network_of(environment, str(settings.ca_file) if settings.ca_file else None)
    way = network.way_to(forward_address(settings, user))
    return replace(
        way,
        client_certificate=client_certificate(environment),
        checks_certificate=environment.get(UNCHECKED) != "0",
    )


def check_forwarding(settings: Settings, user: UserSettings) -> None:
    """Raise what would keep the gateway of mode `claude` from starting, before a client is started for it."""
    if settings.mode != "claude":
        return
    way = forward_way(settings, user)
    if forward_address(settings, user).scheme == "https":
        tls_context(way)


def forward_address(settings: Settings, user: UserSettings) -> ServerAddress:
    """Return the address that was set for this run, else the one that the client has, else Anthropic's own."""
    return parse_address(settings.backend_url or user.environment.get("ANTHROPIC_BASE_URL") or ANTHROPIC)


def answered_by(target: BackendTarget | None, settings: Settings, user: UserSettings) -> str:
    """Return what answers, for the user to read; without a target, it is what mode `claude` forwards to."""
    if target is not None:
        return described(target)
    address = forward_address(settings, user)
    where = "Anthropic's own API" if address == parse_address(ANTHROPIC) else address.origin
    is_checked = address.scheme != "https" or user.environment.get(UNCHECKED) != "0"
    return f"{where}, unchanged" + ("" if is_checked else f"; its certificate is not checked ({UNCHECKED}=0)")
