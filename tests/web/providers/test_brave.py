"""What Brave is asked, and what its answers become."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.parts.web_site import saying, web_site

from anyclaude.errors import WebToolFailed
from anyclaude.network import Network, parse_address
from anyclaude.secret import Secret
from anyclaude.web.providers.brave import Brave
from anyclaude.web.search import Hit, Query, UserLocation

KEY = Secret("BSA-brave-key-1234567890")

ANSWER = {
    "type": "search",
    "query": {"original": "aiohttp"},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "aiohttp &amp; asyncio",
                "url": "https://docs.aiohttp.org/",
                "description": "Asynchronous HTTP for <strong>asyncio</strong>",
                "age": "March 3, 2026",
                "page_age": "2026-03-03T00:00:00",
                "language": "en",
            },
            {"title": "Other", "url": "https://other.example/", "description": ""},
        ],
    },
}
"""The fields of the documentation of the Web Search API."""


async def searched(url: str, query: Query) -> tuple[Hit, ...]:
    brave = Brave(KEY, Network(), parse_address(url))
    try:
        return await brave.search(query)
    finally:
        await brave.close()


async def test_it_is_asked_with_the_key_and_where_the_user_is() -> None:
    location = UserLocation(city="München\n", region="Bavaria", country="DE", timezone="Europe/Berlin")
    async with web_site(saying(json.dumps(ANSWER))) as site:
        hits = await searched(site.url, Query("aiohttp", (), ("other.example",), location))

    assert hits == (
        Hit("https://docs.aiohttp.org/", "aiohttp & asyncio", "Asynchronous HTTP for asyncio", "March 3, 2026"),
    )
    (asked,) = site.asked
    assert urlsplit(asked.target).path == "/res/v1/web/search"
    assert parse_qs(urlsplit(asked.target).query) == {
        "q": ["aiohttp -site:other.example"],
        "count": ["20"],
        "text_decorations": ["false"],
        "country": ["DE"],
    }
    assert asked.headers["x-subscription-token"] == KEY.reveal()
    assert asked.headers["x-loc-country"] == "DE"
    assert asked.headers["x-loc-timezone"] == "Europe/Berlin"


async def test_a_country_that_it_does_not_know_is_not_a_parameter() -> None:
    async with web_site(saying("{}")) as site:
        assert await searched(site.url, Query("words", location=UserLocation(country="IS"))) == ()

    assert "country" not in site.asked[0].target


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "unavailable", "BRAVE_API_KEY"),
        (403, "unavailable", "BRAVE_API_KEY"),
        (422, "unavailable", "BRAVE_API_KEY"),
        (429, "too_many_requests", "Brave"),
        (503, "unavailable", "Brave Search answered with status 503"),
    ],
)
async def test_a_refusal_names_it_and_never_the_key(status: int, code: str, words: str) -> None:
    async with web_site(saying(f"bad key {KEY.reveal()}", status=status)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(site.url, Query("words"))

    assert raised.value.code == code
    assert words in str(raised.value)
    assert KEY.reveal() not in str(raised.value)
