"""What Tavily is asked, and what its answers become."""

import json

import pytest
from tests.parts.web_site import saying, web_site

from anyclaude.errors import WebToolFailed
from anyclaude.network import Network, parse_address
from anyclaude.secret import Secret
from anyclaude.web.providers.tavily import Tavily
from anyclaude.web.search import Hit, Query

KEY = Secret("tvly-key-1234567890")

ANSWER = {
    "query": "aiohttp",
    "answer": None,
    "images": [],
    "results": [
        {"title": "aiohttp", "url": "https://docs.aiohttp.org/blog/1", "content": "Asynchronous HTTP", "score": 0.9},
        {"title": "other", "url": "https://docs.aiohttp.org/", "content": "Start", "score": 0.8},
    ],
    "response_time": 1.2,
}
"""The fields of its documentation of /search."""


async def searched(url: str, query: Query) -> tuple[Hit, ...]:
    tavily = Tavily(KEY, Network(), parse_address(url))
    try:
        return await tavily.search(query)
    finally:
        await tavily.close()


async def test_it_is_asked_with_the_key_and_the_domains_and_its_hits_are_filtered() -> None:
    async with web_site(saying(json.dumps(ANSWER))) as site:
        hits = await searched(site.url, Query("aiohttp", ("aiohttp.org/blog",), ("evil.example",)))

    assert hits == (Hit("https://docs.aiohttp.org/blog/1", "aiohttp", "Asynchronous HTTP"),)
    (asked,) = site.asked
    assert (asked.method, asked.target) == ("POST", "/search")
    assert asked.headers["authorization"] == f"Bearer {KEY.reveal()}"
    assert json.loads(asked.body) == {
        "query": "aiohttp",
        "max_results": 20,
        "include_domains": ["aiohttp.org"],
        "exclude_domains": ["evil.example"],
    }


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "unavailable", "TAVILY_API_KEY"),
        (429, "too_many_requests", "Tavily"),
        (432, "unavailable", "used up"),
        (433, "unavailable", "used up"),
        (500, "unavailable", "Tavily answered with status 500"),
    ],
)
async def test_a_refusal_names_it_and_never_the_key(status: int, code: str, words: str) -> None:
    async with web_site(saying(f"bad key {KEY.reveal()}", status=status)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(site.url, Query("words"))

    assert raised.value.code == code
    assert words in str(raised.value)
    assert KEY.reveal() not in str(raised.value)
