"""Searches and fetches are run within the bounds of their tools, and answered in Anthropic's shape."""

from dataclasses import dataclass, field

import msgspec
import pytest
from anthropic.types import WebFetchToolResultBlock, WebSearchToolResultBlock
from pydantic import BaseModel

from anyclaude.errors import WebToolFailed
from anyclaude.exchange.tool_runs import ToolRuns, decoded_input
from anyclaude.exchange_record import RecordedToolRun
from anyclaude.protocol.content import Content, ToolResultBlock
from anyclaude.protocol.events import ServerToolResult, ServerToolUsage
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.web.access import Fetched, WebAccess
from anyclaude.web.search import Hit, Query, UserLocation

HIT = Hit("https://tides.example/", "Tides", "High water: 14:20.", "today")
URL = "https://tides.example/page"
PAGE = Fetched(URL, "Tides", "text/html", "See https://tides.example/more", (), "2026-01-02T03:04:05+00:00")


@dataclass
class Provider:
    """Finds one page."""

    name: str = "test"
    queries: list[Query] = field(default_factory=list)
    failure: WebToolFailed | None = None

    async def search(self, query: Query) -> tuple[Hit, ...]:
        self.queries.append(query)
        if self.failure is not None:
            raise self.failure
        return (HIT,)

    async def close(self) -> None:
        pass


@dataclass
class Fetcher:
    """Fetches the same page from everywhere."""

    asked: list[tuple[str, int | None]] = field(default_factory=list)

    async def fetch(
        self,
        url: str,
        *,
        max_characters: int | None = None,
        allowed_domains: tuple[str, ...] = (),
        blocked_domains: tuple[str, ...] = (),
    ) -> Fetched:
        self.asked.append((url, max_characters))
        return PAGE


class Setup:
    """The runs of one request, and what was noted of them."""

    def __init__(
        self, content: Content = f"Read {URL}", context_tokens: int | None = None, **fields: JsonValue
    ) -> None:
        self.provider, self.fetcher = Provider(), Fetcher()
        self.notes: list[RecordedToolRun] = []
        tools = tuple(Tool(name, type=f"{name}_20250305", extra=fields) for name in ("web_search", "web_fetch"))
        request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", content),), tools=tools)
        access = WebAccess(self.provider, self.fetcher)
        self.runs = ToolRuns(access, request, self.notes.append, lambda prefix: f"{prefix}_1", context_tokens)

    async def run(self, name: str, given: JsonObject) -> ServerToolResult:
        return await self.runs.run(self.runs.call(name, given))

    async def search(self, query: str = "tides") -> ServerToolResult:
        return await self.run("web_search", {"query": query})

    async def fetch(self, url: str = URL) -> ServerToolResult:
        return await self.run("web_fetch", {"url": url})


def validated(result: ServerToolResult, kind: type[BaseModel]) -> None:
    kind.model_validate_json(msgspec.json.encode(result), strict=True)


def code(result: ServerToolResult) -> JsonValue:
    assert isinstance(result.content, dict)
    return result.content.get("error_code")


async def test_what_is_found_is_in_the_sdks_form() -> None:
    setup = Setup()

    validated(await setup.search(), WebSearchToolResultBlock)
    validated(await setup.fetch(), WebFetchToolResultBlock)
    assert setup.runs.usage == ServerToolUsage(1, 1)
    assert [(note.tool, note.results) for note in setup.notes] == [("web_search", 1), ("web_fetch", 1)]


async def test_errors_are_in_the_sdks_form() -> None:
    setup = Setup()
    setup.provider.failure = WebToolFailed("too_many_requests", "The provider takes no more requests.")

    result = await setup.search()
    validated(result, WebSearchToolResultBlock)
    assert code(result) == "too_many_requests"
    validated(await setup.fetch("https://elsewhere.example/"), WebFetchToolResultBlock)
    assert [note.error for note in setup.notes] == ["too_many_requests", "url_not_in_prior_context"]


async def test_the_clients_bounds_reach_the_provider() -> None:
    location: JsonValue = {"type": "approximate", "country": "NZ", "city": 3}
    setup = Setup(allowed_domains=["a.example", 3], blocked_domains="b.example", user_location=location)
    await setup.search()

    (query,) = setup.provider.queries
    assert query == Query("tides", ("a.example",), (), UserLocation(country="NZ"))


@pytest.mark.parametrize("given", [{}, {"query": ""}, {"query": 3}, {"url": "x"}])
async def test_a_call_without_a_query_is_refused(given: JsonObject) -> None:
    assert code(await Setup().run("web_search", given)) == "invalid_tool_input"


async def test_the_uses_of_each_tool_are_counted_by_themselves() -> None:
    setup = Setup(max_uses=1)

    assert code(await setup.fetch()) is None
    assert isinstance((await setup.search()).content, list)
    assert code(await setup.search("the moon")) == "max_uses_exceeded"
    assert isinstance((await setup.search()).content, list), "what is known already may be repeated"


@pytest.mark.parametrize(
    ("url", "is_known"),
    [
        (URL, True),
        (f"{URL}/", True),
        ("https://tides.example/pages", False),
        (f"{URL}?secret=1", False),
        ("https://else.example/", False),
    ],
)
async def test_only_addresses_of_the_conversation_are_fetched(url: str, is_known: bool) -> None:
    setup = Setup()

    assert (code(await setup.fetch(url)) is None) == is_known
    assert bool(setup.fetcher.asked) == is_known


async def test_links_of_results_and_of_pages_may_be_followed() -> None:
    setup = Setup(content=(ToolResultBlock("toolu_1", f"{URL} was printed"),))
    assert code(await setup.fetch("https://tides.example/more")) == "url_not_in_prior_context"

    await setup.fetch()
    assert code(await setup.fetch("https://tides.example/more")) is None
    assert code(await setup.fetch(HIT.url)) is None, "a part of an address that is known says nothing new"


@pytest.mark.parametrize(
    ("context_tokens", "limit", "expected"),
    [(None, None, None), (None, 100, 100), (4_000, None, 1_000), (4_000, 100, 100), (4_000, 9_000, 1_000)],
)
async def test_a_page_is_no_longer_than_the_client_and_the_window_allow(
    context_tokens: int | None, limit: int | None, expected: int | None
) -> None:
    setup = Setup(context_tokens=context_tokens, max_content_tokens=limit)
    await setup.fetch()

    ((_, characters),) = setup.fetcher.asked
    assert (characters is None) == (expected is None)
    assert expected is None or characters is None or expected <= characters <= 5 * expected


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "{}"])
def test_arguments_that_are_no_object_are_an_empty_one(text: str) -> None:
    assert decoded_input(text) == {}
