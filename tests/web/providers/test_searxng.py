"""What a SearXNG is asked, and what its answers become."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.parts.web_site import Handler, saying, web_site

from anyclaude.errors import WebToolFailed
from anyclaude.network import Network, parse_address
from anyclaude.web.providers.searxng import Searxng
from anyclaude.web.search import Hit, Query, UserLocation

ANSWER = {
    "query": "aiohttp",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://docs.aiohttp.org/en/stable/",
            "title": "Welcome to AIOHTTP",
            "content": "Asynchronous HTTP Client/Server for asyncio",
            "publishedDate": "2025-01-02T00:00:00",
            "engine": "brave",
            "parsed_url": ["https", "docs.aiohttp.org", "/en/stable/", "", "", ""],
            "score": 9.0,
        },
        {"url": "https://evil.example/", "title": None, "content": None, "publishedDate": None},
    ],
    "answers": [],
    "unresponsive_engines": [["google", "access denied"]],
}
"""The fields of SearXNG 2026.2.6, from its `webutils.get_json_response`."""


def answering(document: object, status: int = 200) -> Handler:
    return saying(json.dumps(document), "application/json", status)


async def searched(url: str, query: Query) -> tuple[Hit, ...]:
    searxng = Searxng(parse_address(url), Network())
    try:
        return await searxng.search(query)
    finally:
        await searxng.close()


async def test_it_is_asked_for_json() -> None:
    query = Query("aiohttp", ("aiohttp.org",), location=UserLocation(country="de"))
    async with web_site(answering(ANSWER)) as site:
        hits = await searched(site.url, query)

    assert hits == (
        Hit(
            "https://docs.aiohttp.org/en/stable/",
            "Welcome to AIOHTTP",
            "Asynchronous HTTP Client/Server for asyncio",
            "2025-01-02T00:00:00",
        ),
    )
    target = urlsplit(site.asked[0].target)
    assert target.path == "/search"
    assert parse_qs(target.query) == {"q": ["aiohttp site:aiohttp.org"], "format": ["json"], "language": ["de-DE"]}


@pytest.mark.parametrize(
    ("path", "target"), [("", "/search"), ("/searx/", "/searx/search"), ("/searx/search", "/searx/search")]
)
async def test_its_address_is_that_of_the_server_or_of_the_search(path: str, target: str) -> None:
    async with web_site(answering({"results": []})) as site:
        assert await searched(site.url + path, Query("words")) == ()

    assert urlsplit(site.asked[0].target).path == target
    assert "language" not in site.asked[0].target


async def test_one_that_answers_no_json_says_what_to_change() -> None:
    async with web_site(saying("Forbidden", status=403)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(site.url, Query("words"))

    assert raised.value.code == "unavailable"
    assert "formats: [html, json]" in str(raised.value)
    assert site.url in str(raised.value)


async def test_one_whose_limiter_refuses_is_too_many_requests() -> None:
    async with web_site(saying("", status=429)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(site.url, Query("words"))

    assert raised.value.code == "too_many_requests"


async def test_nothing_from_engines_that_failed_is_no_empty_result() -> None:
    failed = {"results": [], "unresponsive_engines": [["google", "CAPTCHA"], ["brave", "timeout"]]}
    async with web_site(answering(failed)) as site:
        with pytest.raises(WebToolFailed, match="google: CAPTCHA, brave: timeout") as raised:
            await searched(site.url, Query("words"))

    assert raised.value.code == "unavailable"


async def test_a_password_in_its_address_is_in_no_error() -> None:
    async with web_site(saying("", status=500)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(f"http://me:pass-w0rd@127.0.0.1:{site.port}", Query("words"))

    assert "pass-w0rd" not in str(raised.value)


async def test_a_wrong_filter_is_refused_before_anything_is_asked() -> None:
    async with web_site(answering(ANSWER)) as site:
        with pytest.raises(WebToolFailed) as raised:
            await searched(site.url, Query("words", ("*.example",)))

    assert raised.value.code == "invalid_tool_input"
    assert site.asked == []
