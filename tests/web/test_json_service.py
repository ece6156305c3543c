"""How a provider's service is asked, and what its refusals become."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from msgspec import Struct
from tests.parts.certificate import write_certificate
from tests.parts.web_site import Handler, Site, saying, web_site

from anyclaude.errors import InvalidSetting, WebToolFailed
from anyclaude.network import CaFile, Network, parse_address
from anyclaude.secret import Secret
from anyclaude.web.json_service import MAX_ANSWER_BYTES, JsonService


class Answer(Struct):
    """What the service of these tests answers."""

    n: int = 0


DIRECT = Network()
JSON = saying('{"n": 1, "more": []}', "application/json")


def service(url: str, network: Network = DIRECT, seconds: float = 30.0) -> JsonService:
    return JsonService("Example Search", parse_address(url), network, {401: "Example Search refuses the key"}, seconds)


async def got(service: JsonService) -> Answer:
    try:
        return await service.get("/search", Answer, {"q": "a b&c"}, {"X-Key": "k"})
    finally:
        await service.close()


async def refusal(service: JsonService) -> WebToolFailed:
    with pytest.raises(WebToolFailed) as raised:
        await got(service)
    return raised.value


async def test_a_question_is_one_request_below_the_address_with_its_credentials() -> None:
    async with web_site(JSON) as site:
        answer = await got(service(f"http://me:pass-w0rd@127.0.0.1:{site.port}/below/"))

    assert answer.n == 1
    (asked,) = site.asked
    assert (asked.method, asked.target) == ("GET", "/below/search?q=a+b%26c")
    assert asked.headers["x-key"] == "k"
    assert asked.headers["authorization"] == "Basic bWU6cGFzcy13MHJk"
    assert "cookie" not in asked.headers


async def test_a_document_is_sent_as_json() -> None:
    async with web_site(JSON) as site:
        asking = service(site.url)
        answer = await asking.post("/search", Answer, {"query": "ü"}, {})
        await asking.close()

    assert answer.n == 1
    assert (site.asked[0].method, site.asked[0].body) == ("POST", '{"query":"ü"}'.encode())
    assert site.asked[0].headers["content-type"] == "application/json"


async def test_nothing_is_contacted_before_the_first_question() -> None:
    async with web_site(JSON) as site:
        await service(site.url).close()

        assert site.asked == []


@pytest.mark.parametrize(
    ("handler", "code", "words"),
    [
        (saying("", status=429), "too_many_requests", "no more searches for now"),
        (saying("", status=401), "unavailable", "refuses the key"),
        (saying("", status=500), "unavailable", "status 500"),
        (saying("", status=302, Location="http://127.0.0.1:1/"), "unavailable", "redirects"),
        (saying("<html>"), "unavailable", "not the JSON"),
        (saying('{"n": "x"}'), "unavailable", "not the JSON"),
        (saying("[]"), "unavailable", "not the JSON"),
        (saying(b"\xff\xfe"), "unavailable", "not the JSON"),
        (saying(" " * (MAX_ANSWER_BYTES + 1)), "unavailable", "larger than"),
        (saying("{}", Content_Encoding="br"), "unavailable", "cannot be reached"),
    ],
)
async def test_what_it_answers_besides_results_names_it_and_has_a_code(handler: Handler, code: str, words: str) -> None:
    async with web_site(handler) as site:
        refused = await refusal(service(site.url))

    assert refused.code == code
    assert words in str(refused)
    assert "Example Search" in str(refused)
    assert "nothing may be taken for a result" in str(refused)


async def test_a_service_that_is_not_there_cannot_be_reached() -> None:
    async with web_site(JSON) as site:
        pass

    assert (await refusal(service(site.url))).code == "unavailable"


async def test_a_service_that_does_not_answer_is_given_up() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with web_site(silent) as site:
        refused = await refusal(service(site.url, seconds=0.2))

    assert refused.code == "unavailable"
    assert "within 0.2 s" in str(refused)


async def test_its_certificate_has_to_be_trusted(tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    trusting = Network(ca_files=(CaFile(str(certificate), "ca_file"),))
    async with web_site(JSON, tls) as site:
        assert (await got(service(site.url, trusting))).n == 1
        assert (await refusal(service(site.url))).code == "unavailable"
        missing = Network(ca_files=(CaFile(str(tmp_path / "none.pem"), "ANYCLAUDE_CA_FILE"),))
        assert "ANYCLAUDE_CA_FILE" in str(await refusal(service(site.url, missing)))


async def test_a_public_service_is_reached_by_the_proxy_and_a_private_one_is_not() -> None:
    def asked(site: Site) -> list[str]:
        return [request.target for request in site.asked]

    async with web_site(JSON) as proxy, web_site(JSON) as site:
        behind = Network(proxies={"http": ("HTTP_PROXY", Secret(f"http://127.0.0.1:{proxy.port}"))})
        await got(service("http://search.example/", behind))
        await got(service(site.url, behind))

    assert asked(proxy) == ["http://search.example/search?q=a+b%26c"]
    assert asked(site) == ["/search?q=a+b%26c"]


def test_a_proxy_that_cannot_be_used_is_a_wrong_setting() -> None:
    socks = Network(proxies={"all": ("ALL_PROXY", Secret("socks5://127.0.0.1:1"))})

    with pytest.raises(InvalidSetting, match="ALL_PROXY"):
        service("https://search.example", socks)
