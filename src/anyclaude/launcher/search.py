"""
Searches this machine for a model server: all usual addresses at once, whatever kind answers there.

Only an address that refuses the connection counts as empty.  A server that is loading its model is found, one that
wants a key ends the start, and one of no known kind is named to the user, but never used unasked.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.backends import (
    MODELS,
    Backend,
    Obstacle,
    QueryReply,
    ServerFacts,
    ask_facts,
    first_obstacle,
    is_own_gateway,
    probe,
)
from anyclaude.backends.obstacle import Reason
from anyclaude.errors import ServerUnusable
from anyclaude.network import parse_address
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonError, decode_lenient_json

from .candidate import QUESTION_SECONDS, Wanted, candidate, identities_at

DETECTION_SECONDS = 0.5
"""A server on loopback answers these small questions within milliseconds; one that is computing may take longer, and
gets `QUESTION_SECONDS` if there is no other."""

NO_MODEL_SERVER: frozenset[Reason] = frozenset({"not_found", "wrong_path", "web_page", "redirect"})
"""What no model server says at its usual address if it is asked for its models."""

Occupant: TypeAlias = Literal["none", "slow", "known", "locked", "unknown", "ourselves"]
"""What is at an address: nothing that could be a model server, one that has not answered yet, a server of a known kind,
one that wants a key before it says what it is, one of no known kind that lists models, or a gateway like this one."""


class Place(Struct, frozen=True):
    """A usual address, what is there, and of which kind; `obstacle` is what a locked one says."""

    url: str
    occupant: Occupant
    kind: BackendProfile | None = None
    obstacle: Obstacle | None = None


class Found(Struct, frozen=True):
    """A server of a known kind, and what it reports; `None` while it is loading its model, or wants a key."""

    backend: Backend
    facts: ServerFacts | None
    is_locked: bool = False

    def has_model(self, wanted: str | None) -> bool:
        """Return whether there is a model to use; one that is being loaded is one."""
        return self.facts is None or wanted is not None or self.facts.default_model is not None

    def rank(self, wanted: str | None) -> tuple[bool, int]:
        """Return its place among several: the wanted model first, then one that is loaded, then one that will be."""
        if self.facts is None:
            return wanted is not None, 3 if self.is_locked else 1
        lacks_wanted = wanted is not None and wanted not in self.facts.models
        tells_loaded = self.backend.target.profile.facts_from != "openai_models"  # elsewhere what is listed is loaded
        return lacks_wanted, 2 if tells_loaded and self.facts.loaded_model is None else 0


async def search(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Found | None:
    """
    Return the best server at the usual addresses, `None` if there is none; it may still have to be waited for.

    Raises:
        ServerUnusable: when the only one wants a key.
    """
    local = [profile for profile in profiles if profile.identity_path and not profile.is_remote]
    urls = tuple(dict.fromkeys(url for profile in local for url in profile.usual_urls))
    places = await _looked_at(urls, wanted, local, DETECTION_SECONDS)
    found = await _found(places, wanted)
    if not found and (slow := [place.url for place in places if place.occupant == "slow"]):
        later = {place.url: place for place in await _looked_at(slow, wanted, local, QUESTION_SECONDS)}
        places = [later.get(place.url, place) for place in places]
        found = await _found(places, wanted)
    if best := [one for one in found if one.has_model(wanted.model)]:
        return min(best, key=lambda one: one.rank(wanted.model))
    for place in places:
        if place.obstacle is not None:
            kinds = ", ".join(f"--mode {kind.name}" for kind in local if place.url in kind.usual_urls)
            raise ServerUnusable(
                f"{place.obstacle.sentence}, or name its kind ({kinds}), or use the embedded engine (--mode embedded)",
                place.obstacle.reason,
            )
    for note in _notes(places):
        wanted.say(f"anyclaude: {note}.")
    return None


async def _looked_at(
    urls: Sequence[str], wanted: Wanted, kinds: Sequence[BackendProfile], within_seconds: float
) -> list[Place]:
    return await asyncio.gather(*(_place(url, wanted, kinds, within_seconds) for url in urls))


async def _place(url: str, wanted: Wanted, kinds: Sequence[BackendProfile], within_seconds: float) -> Place:
    """Return what is at an address; where there is no model server, one question tells."""
    stranger = candidate(profile_named("generic"), url, wanted)
    listed = await probe(stranger, MODELS, within_seconds)
    if isinstance(listed, Obstacle) and (not listed.is_answer or listed.reason in NO_MODEL_SERVER):
        return Place(url, "slow" if listed.reason == "timeout" else "none")
    identities, is_ours = await asyncio.gather(
        identities_at(url, wanted, kinds, within_seconds), is_own_gateway(stranger, within_seconds)
    )
    if is_ours:
        return Place(url, "ourselves")
    for kind, identity in identities:
        if identity in {"yes", "loading"}:
            return Place(url, "known", kind)
    if isinstance(listed, Obstacle):
        is_locked = listed.reason == "key" and not listed.is_web_page
        return Place(url, "locked", obstacle=listed) if is_locked else Place(url, "none")
    return Place(url, "unknown" if _lists_models(listed) else "none")


def _lists_models(reply: QueryReply) -> bool:
    """
    Return whether a reply has the form of OpenAI's list, which may be empty.

    mlx_lm.server 0.32.2 sends nothing at all if there is no cache of Hugging Face, although it has a model.
    """
    if not reply.body:
        return True
    try:
        document = decode_lenient_json(reply.body)
    except JsonError:
        return False
    return isinstance(document, dict) and isinstance(document.get("data"), list)


async def _found(places: Sequence[Place], wanted: Wanted) -> list[Found]:
    """Return the servers of known kinds, in the order of their addresses, with what each reports."""
    backends = [candidate(place.kind, place.url, wanted, knows_kind=True) for place in places if place.kind is not None]
    return await asyncio.gather(*(_asked(backend, wanted) for backend in backends))


async def _asked(backend: Backend, wanted: Wanted) -> Found:
    """Return what a server reports; one that cannot be used yet says why when it is chosen."""
    obstacle, facts = await asyncio.gather(
        first_obstacle(backend, QUESTION_SECONDS), ask_facts(backend, QUESTION_SECONDS, wanted.model)
    )
    if obstacle is not None and obstacle.reason in {"loading", "key"}:
        return Found(backend, None, is_locked=obstacle.reason == "key")
    return Found(backend, facts)


def _notes(places: Sequence[Place]) -> Iterator[str]:
    """Yield what the user should know of servers that are not used."""
    for place in places:
        where = parse_address(place.url).origin
        match place.occupant:
            case "known" if place.kind is not None:
                yield f"{place.kind.title} at {where} reports no model that can chat"
            case "unknown":
                yield f"an unknown server answers at {where}; to use it: --mode generic --backend-url {where}"
            case "slow":
                yield f"something listens at {where} and does not answer; it is not used"
            case "ourselves":
                yield f"the server at {where} is a gateway of anyclaude itself; it is not used"
            case _:
                pass
