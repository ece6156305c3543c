"""What we know about servers and models: facts as data, never behaviour."""

from .backends import EMBEDDED, PROFILES, profile_named
from .base import BackendName, BackendProfile, Continuation, DialectName, TokenCounting

__all__ = [
    "EMBEDDED",
    "PROFILES",
    "BackendName",
    "BackendProfile",
    "Continuation",
    "DialectName",
    "TokenCounting",
    "profile_named",
]
