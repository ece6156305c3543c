"""Where a session connects to."""

from ipaddress import ip_address

from tests.parts.web_site import saying, web_site

from anyclaude.web.connections import open_session


async def test_a_session_connects_to_the_addresses_that_were_checked_whatever_the_name() -> None:
    async with web_site(saying("x")) as site:
        url = f"http://no-such-name.invalid:{site.port}/"
        async with open_session([ip_address("127.0.0.1")]) as session, session.get(url) as response:
            status = response.status

    assert status == 200
    assert site.asked[0].headers["host"] == f"no-such-name.invalid:{site.port}"


async def test_no_cookie_is_kept() -> None:
    async with web_site(saying("x", Set_Cookie="a=b")) as site, open_session() as session:
        for _ in range(2):
            async with session.get(site.url):
                pass

    assert [asked.headers.get("cookie") for asked in site.asked] == [None, None]
