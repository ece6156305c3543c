"""Where servers are, and how they are reached: addresses as people write them, proxies, trusted certificates."""

from .address import ServerAddress, parse_address
from .route import DIRECT, CaFile, Network, Proxy, Route, network_of

__all__ = ["DIRECT", "CaFile", "Network", "Proxy", "Route", "ServerAddress", "network_of", "parse_address"]
