"""Where servers are, and how they are reached: addresses as people write them, proxies, trusted certificates."""

from .address import ServerAddress, parse_address
from .way import DIRECT, CaFile, Network, Proxy, Way, network_of

__all__ = ["DIRECT", "CaFile", "Network", "Proxy", "ServerAddress", "Way", "network_of", "parse_address"]
