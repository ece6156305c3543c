"""Brave Search (api-dashboard.search.brave.com/app/documentation/web-search)."""

from msgspec import Struct

from anyclaude.network import Network, ServerAddress
from anyclaude.secret import Secret
from anyclaude.shown_text import shown_line
from anyclaude.web.domains import DomainFilter
from anyclaude.web.hits import Found, usable_hits
from anyclaude.web.json_service import SEARCH_SECONDS, JsonService
from anyclaude.web.languages import country_of
from anyclaude.web.options import KEY_VARIABLES
from anyclaude.web.search import Hit, Query, UserLocation, checked_text

from .sites import with_sites

ADDRESS = ServerAddress(scheme="https", host="api.search.brave.com")

COUNTRIES = frozenset(
    {
        *("AR", "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "DE", "DK", "ES", "FI", "FR", "GB", "GR", "HK", "ID"),
        *("IN", "IT", "JP", "KR", "MX", "MY", "NL", "NO", "NZ", "PH", "PL", "PT", "RU", "SA", "SE", "TR", "TW", "US"),
        "ZA",
    }
)
"""The countries that the parameter `country` takes; any other is refused with status 422."""

RESULTS = "20"
"""The most that one question can have; some of them are filtered out."""


class _Result(Struct, frozen=True):
    url: str | None = None
    title: str | None = None
    description: str | None = None
    age: str | None = None


class _Web(Struct, frozen=True):
    results: tuple[_Result, ...] = ()


class _Answer(Struct, frozen=True):
    web: _Web = _Web()
    """Absent if nothing was found."""


class Brave:
    """Searches with Brave's own index."""

    name = "Brave"

    def __init__(
        self, key: Secret, network: Network, address: ServerAddress = ADDRESS, within_seconds: float = SEARCH_SECONDS
    ) -> None:
        """Take the key; raises `InvalidSetting` if the service cannot be reached so."""
        refused = f"Brave Search refuses the key. Check {KEY_VARIABLES['brave']}"
        refusals = {
            401: refused,
            403: refused,
            422: f"Brave Search refuses the key or the query. Check {KEY_VARIABLES['brave']}",
        }
        self._key = key
        self._service = JsonService("Brave Search", address, network, refusals, within_seconds)

    async def search(self, query: Query) -> tuple[Hit, ...]:
        """Return what is found; raises `WebToolFailed`."""
        domains = DomainFilter(query.allowed_domains, query.blocked_domains)
        parameters = {"q": with_sites(checked_text(query), domains), "count": RESULTS, "text_decorations": "false"}
        if (country := country_of(query.location)) in COUNTRIES and country is not None:
            parameters["country"] = country
        headers = {"X-Subscription-Token": self._key.reveal(), **_place(query.location)}
        answer = await self._service.get("/res/v1/web/search", _Answer, parameters, headers)
        found = (Found(one.url, one.title, one.description, one.age) for one in answer.web.results)
        return usable_hits(found, domains)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()


def _place(location: UserLocation | None) -> dict[str, str]:
    """Return the headers that say where the user is (docs: Request headers)."""
    if location is None:
        return {}
    parts = {
        "X-Loc-City": location.city,
        "X-Loc-State-Name": location.region,
        "X-Loc-Country": country_of(location),
        "X-Loc-Timezone": location.timezone,
    }
    return {name: shown_line(value)[:100] for name, value in parts.items() if value}
