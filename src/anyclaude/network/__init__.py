"""Where servers are, and how they are reached: addresses as people write them, proxies, trusted certificates."""

from .address import ServerAddress, parse_address
from .origin import ANY, OPAQUE, is_allowed_origin, parse_origin
from .way import DIRECT, CaFile, ClientCertificate, Network, Proxy, Way, client_certificate, network_of

__all__ = [
    "ANY",
    "DIRECT",
    "OPAQUE",
    "CaFile",
    "ClientCertificate",
    "Network",
    "Proxy",
    "ServerAddress",
    "Way",
    "client_certificate",
    "is_allowed_origin",
    "network_of",
    "parse_address",
    "parse_origin",
]
