"""What the options switch on."""

from contextlib import AsyncExitStack

import pytest
from tests.parts.web_site import PlainReader, saying, web_site

from anyclaude.errors import InvalidSetting
from anyclaude.secret import Secret
from anyclaude.web.access import NO_WEB, WebAccess
from anyclaude.web.opening import opened_web
from anyclaude.web.options import WebOptions
from anyclaude.web.search import Query

KEY = Secret("k3y-for-tests")


async def opened(options: WebOptions) -> WebAccess:
    async with AsyncExitStack() as stack:
        return opened_web(options, PlainReader(), stack)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (WebOptions(search="http://127.0.0.1:8888"), "SearXNG"),
        (WebOptions(search="brave", search_key=KEY), "Brave"),
        (WebOptions(search="tavily", search_key=KEY), "Tavily"),
    ],
)
async def test_a_provider_is_chosen_by_its_name_or_its_address(options: WebOptions, name: str) -> None:
    web = await opened(options)

    assert web.search is not None
    assert web.search.name == name
    assert web.fetcher is None


async def test_by_default_nothing_is_switched_on() -> None:
    assert await opened(WebOptions()) == NO_WEB


async def test_fetching_is_switched_on_alone() -> None:
    web = await opened(WebOptions(fetches=True))

    assert web.search is None
    assert web.fetcher is not None


async def test_nothing_is_contacted_before_a_search_is_wanted() -> None:
    async with web_site(saying('{"results": []}')) as site, AsyncExitStack() as stack:
        search = opened_web(WebOptions(search=site.url), PlainReader(), stack).search
        before = len(site.asked)
        assert search is not None
        await search.search(Query("words"))

    assert (before, len(site.asked)) == (0, 1)


async def test_fetching_without_its_library_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyclaude.web.opening.find_spec", lambda name: None)

    with pytest.raises(InvalidSetting, match=r"anyclaude\[web\]"):
        await opened(WebOptions(fetches=True))
