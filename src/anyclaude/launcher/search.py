"""
Searches this machine for a model server: all usual addresses at once, whatever kind answers there.

Only an address that refuses the connection, or where nothing speaks HTTP, counts as empty.  A server that is loading
its model, busy or slow is waited for.  One that wants a key, that does not come to an answer, or that lists models and
is of no known kind, ends the start, because the user has to say more.  What is no model server is named to the user.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

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
from anyclaude.backends.obstacle import SILENT, obstacle
from anyclaude.errors import ServerUnusable
from anyclaude.model_names import listed_name
from anyclaude.network import parse_address
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonError, decode_lenient_json

from .candidate import BUSY_SECONDS, LOADING_PAUSE_SECONDS, Wanted, candidate, identities_at, is_busy

DETECTION_SECONDS = 0.5
"""A server on loopback answers these small questions within milliseconds; one that is computing may take longer, and
gets `BUSY_SECONDS` if there is no other."""

KEY_STATUSES = frozenset({401, 403})
"""What asks for a key, whatever the body is: a proxy before a model server says so with its own page."""

Occupant: TypeAlias = Literal["none", "slow", "busy", "known", "locked", "moved", "unknown", "other", "ourselves"]
"""
What is at an address: nothing that could be a model server, one that has not answered yet, one that answers that it
cannot now, a server of a known kind, one that wants a key before it says what it is, one that lists its models below
another path, one of no known kind that lists models, something else that speaks HTTP, or a gateway like this one.
"""


class Place(Struct, frozen=True):
    """A usual address, what is there, and of which kind; `obstacle` is what stands in the way of using it."""

    url: str
    occupant: Occupant
    kind: BackendProfile | None = None
    obstacle: Obstacle | None = None
    is_slow: bool = False
    """Whether it has answered late, so that it needs time for every question."""


class Found(Struct, frozen=True):
    """A server of a known kind, and what it reports; `None` while it cannot say."""

    backend: Backend
    facts: ServerFacts | None
    wanted: Wanted
    """The server as it was described, and the time that it needs for an answer."""
    is_blocked: bool = False
    """Whether it wants a key, or has not answered; `facts` is `None` also while it loads its model."""

    def has_model(self) -> bool:
        """Return whether there is a model to use; one that is being loaded is one."""
        return self.facts is None or self.wanted.named_model is not None or self.facts.default_model is not None

    def rank(self) -> tuple[bool, int]:
        """Return its place among several: the wanted model first, then one that is loaded, then one that will be."""
        model = self.wanted.named_model
        if self.facts is None:
            return model is not None, 3 if self.is_blocked else 1
        lacks_wanted = model is not None and listed_name(model, self.facts.names) is None
        tells_loaded = self.backend.target.profile.facts_from != "openai_models"  # elsewhere what is listed is loaded
        return lacks_wanted, 2 if tells_loaded and self.facts.loaded_model is None else 0


async def search(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> Found | None:
    """
    Return the best server at the usual addresses, `None` if there is none; it may still have to be waited for.

    Raises:
        ServerUnusable: when there is only one that wants a key, is of no known kind, or does not come to an answer.
    """
    local = _local(profiles)
    places = await _usual_places(wanted, local)
    if (best := await _best(places, wanted)) is not None:
        return best
    if any(place.occupant in {"slow", "busy"} for place in places):
        places = await asyncio.gather(*(_settled(place, wanted, local) for place in places))
        if (best := await _best(places, wanted)) is not None:
            return best
    for place in places:
        if place.occupant == "unknown":
            raise ServerUnusable(_offer(place.url), "unknown")
        if place.obstacle is not None and place.occupant in {"locked", "moved", "slow", "busy"}:
            raise ServerUnusable(_way_on(place, place.obstacle, local), place.obstacle.reason)
    for note in _notes(places):
        wanted.say(f"anyclaude: {note}.")
    return None


async def known_servers(wanted: Wanted, profiles: tuple[BackendProfile, ...]) -> tuple[Backend, ...]:
    """Return every server of these kinds that answers at once at one of their usual addresses."""
    places = await _usual_places(wanted, _local(profiles))
    return tuple(candidate(place.kind, place.url, wanted, knows_kind=True) for place in places if place.kind)


def _local(profiles: Iterable[BackendProfile]) -> list[BackendProfile]:
    return [profile for profile in profiles if profile.identity_path and not profile.is_remote]


async def _usual_places(wanted: Wanted, kinds: Sequence[BackendProfile]) -> list[Place]:
    urls = tuple(dict.fromkeys(url for profile in kinds for url in profile.usual_urls))
    return await asyncio.gather(*(_place(url, wanted, kinds, DETECTION_SECONDS) for url in urls))


async def _place(url: str, wanted: Wanted, kinds: Sequence[BackendProfile], within_seconds: float) -> Place:
    """Return what is at an address; where there is no model server, one question tells."""
    stranger = candidate(profile_named("generic"), url, wanted)
    listed = await probe(stranger, MODELS, within_seconds)
    occupant = _occupant(listed)
    if isinstance(listed, Obstacle) and occupant not in {"busy", "locked"}:
        return Place(url, occupant, obstacle=listed)
    identities, is_ours = await asyncio.gather(
        identities_at(url, wanted, kinds, within_seconds), is_own_gateway(stranger, within_seconds)
    )
    if is_ours:
        return Place(url, "ourselves")
    for kind, identity in identities:
        if identity in {"yes", "loading"}:
            return Place(url, "known", kind)
    if isinstance(listed, Obstacle):
        in_words = obstacle(stranger.target, "key", f"HTTP {listed.status}") if listed.is_web_page else listed
        return Place(url, occupant, obstacle=in_words if occupant == "locked" else listed)
    return Place(url, occupant)


def _occupant(listed: QueryReply | Obstacle) -> Occupant:
    """Return what is at an address by its answer to the question for its models, before it is asked for its kind."""
    if isinstance(listed, QueryReply):
        return "unknown" if _lists_models(listed) else "other"
    if listed.reason == "timeout":
        return "slow"
    if listed.reason in SILENT | {"not_http"}:
        return "none"
    if listed.reason == "key" or listed.status in KEY_STATUSES:
        return "locked"
    if listed.reason == "wrong_path":
        return "moved"
    is_failing = listed.status == 500 and not listed.is_web_page  # a page is that of a program under development
    return "busy" if listed.reason == "loading" or is_busy(listed) or is_failing else "other"


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


async def _settled(place: Place, wanted: Wanted, kinds: Sequence[BackendProfile]) -> Place:
    """Return what is at an address after it had its time: one answer of a slow server, or the end of a busy one's."""
    clock = asyncio.get_running_loop().time
    ends_at = clock() + min(wanted.loading_seconds, BUSY_SECONDS)
    if place.occupant in {"slow", "busy"}:
        is_waiting = "has not answered yet" if place.occupant == "slow" else "answers that it cannot now"
        wanted.say(f"anyclaude: a server at {parse_address(place.url).origin} {is_waiting}; waiting for it.")
    if place.occupant == "slow":
        place = replace(await _place(place.url, wanted, kinds, BUSY_SECONDS), is_slow=True)
    while place.occupant == "busy" and clock() < ends_at:
        await asyncio.sleep(LOADING_PAUSE_SECONDS)
        within_seconds = BUSY_SECONDS if place.is_slow else wanted.question_seconds
        place = replace(await _place(place.url, wanted, kinds, within_seconds), is_slow=place.is_slow)
    return place


async def _best(places: Sequence[Place], wanted: Wanted) -> Found | None:
    """Return the best server of a known kind with a model; among equals the order of the addresses decides."""
    found = await asyncio.gather(*(_asked(place, place.kind, wanted) for place in places if place.kind is not None))
    return min((one for one in found if one.has_model()), key=Found.rank, default=None)


async def _asked(place: Place, kind: BackendProfile, wanted: Wanted) -> Found:
    """Return what a server reports; one that cannot be used yet says why when it is chosen."""
    if place.is_slow:
        wanted = replace(wanted, question_seconds=BUSY_SECONDS, is_patient=False)
    backend = candidate(kind, place.url, wanted, knows_kind=True)
    stands_in_way, facts = await asyncio.gather(
        first_obstacle(backend, wanted.question_seconds),
        ask_facts(backend, wanted.question_seconds, wanted.named_model),
    )
    pinned = replace(wanted, mode=kind.name, url=backend.target.base_url)
    if stands_in_way is None or not (stands_in_way.reason in {"loading", "key", "timeout"} or is_busy(stands_in_way)):
        return Found(backend, facts, pinned)
    return Found(backend, None, pinned, is_blocked=stands_in_way.reason != "loading")


def _way_on(place: Place, stands_in_way: Obstacle, kinds: Sequence[BackendProfile]) -> str:
    """Return what stands in the way of the only server, and what the user can do."""
    modes = ", ".join(f"--mode {kind.name}" for kind in kinds if place.url in kind.usual_urls)
    by_kind = f", or name its kind ({modes})" if place.occupant == "locked" else ""
    return f"{stands_in_way.sentence}{by_kind}. To go on without it: --mode embedded"


def _offer(url: str) -> str:
    """Return what the user can do about a server of no known kind that lists models."""
    where = parse_address(url).origin
    return (
        f"an unknown server answers at {where} and lists models; to use it: --mode generic --backend-url {where}. "
        "To go on without it: --mode embedded"
    )


def _notes(places: Sequence[Place]) -> Iterator[str]:
    """Yield what the user should know of servers that are not used."""
    for place in places:
        where = parse_address(place.url).origin
        match place.occupant:
            case "known" if place.kind is not None:
                yield f"{place.kind.title} at {where} reports no model that can chat"
            case "other":
                yield f"what answers at {where} is not used: {_why_not(place.obstacle)}"
            case "ourselves":
                yield f"the server at {where} is a gateway of anyclaude itself; it is not used"
            case _:
                pass


def _why_not(answer: Obstacle | None) -> str:
    """Return why what answers at an address is taken for no model server."""
    reason = None if answer is None else answer.reason
    match reason:
        case "web_page":
            return "it is a web page"
        case "redirect":
            return "it redirects"
        case "not_found":
            return "it lists no models (HTTP 404)"
        case "speaks_tls" if answer is not None:
            return answer.sentence
        case _:
            return "it does not answer as a model server"
