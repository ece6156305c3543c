"""The table of server kinds, with usual addresses that a test chooses."""

from collections.abc import Mapping

from msgspec.structs import replace

from anyclaude.profiles import PROFILES, BackendName, BackendProfile

NOWHERE = "http://127.0.0.1:9/v1"
"""The discard port, on which nothing listens."""


def placed(
    places: Mapping[BackendName, tuple[str, ...]], profiles: tuple[BackendProfile, ...] = PROFILES
) -> tuple[BackendProfile, ...]:
    """Return the kinds, each looked for at these addresses; one without any is looked for where nothing listens."""
    return tuple(_at(profile, places.get(profile.name, (NOWHERE,))) for profile in profiles)


def _at(profile: BackendProfile, urls: tuple[str, ...]) -> BackendProfile:
    return replace(profile, base_url=urls[0], other_urls=urls[1:])
