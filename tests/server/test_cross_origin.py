"""What browsers get: permissions before a request of a page, and headers that let the page read the answer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import Response, ask, connected, prompt, request

from anyclaude.secret import Secret
from anyclaude.server import Limits
from anyclaude.server.cross_origin import is_preflight, preflight_response, share_with

PAGE = "app://obsidian.md"
ASKING = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


@pytest.fixture
async def shared(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway with a token, for one page."""
    options = replace(QUICK, allowed_origins=frozenset({PAGE}), token=Secret("sesame"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        yield gateway


def is_readable(response: Response) -> bool:
    headers = response.headers
    return headers.get("access-control-allow-origin") == PAGE and "Origin" in headers.get("vary", "")


async def test_an_allowed_page_gets_the_permission_that_it_asks_for_without_a_token(shared: RunningGateway) -> None:
    headers = {**ASKING, "Access-Control-Request-Headers": "content-type,x-api-key, anthropic-version"}

    response = await ask(shared.base_url, "OPTIONS", "/v1/messages", headers=headers)

    assert response.status == 204
    assert is_readable(response)
    assert "POST" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "content-type, x-api-key, anthropic-version"
    assert "access-control-allow-credentials" not in response.headers


async def test_another_page_gets_no_permission(shared: RunningGateway) -> None:
    response = await ask(
        shared.base_url, "OPTIONS", "/v1/messages", headers={**ASKING, "Origin": "https://evil.example"}
    )

    assert response.status == 403
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status"),
    [
        ("GET", "/v1/models", b"", "sesame", 200),
        ("GET", "/v1/models", b"", "wrong", 401),
        ("GET", "/nowhere", b"", "sesame", 404),
        ("OPTIONS", "/v1/models", b"", "sesame", 405),
        ("POST", "/v1/messages", b"{broken", "sesame", 400),
    ],
)
async def test_a_page_can_read_every_answer(
    shared: RunningGateway, method: str, path: str, body: bytes, token: str, status: int
) -> None:
    response = await ask(shared.base_url, method, path, body, headers={"Origin": PAGE, "x-api-key": token})

    assert response.status == status
    assert is_readable(response)
    assert "request-id" in response.headers["access-control-expose-headers"]


async def test_a_page_can_read_a_stream(shared: RunningGateway, backend: RawBackend) -> None:
    headers = {"Origin": PAGE, "x-api-key": "sesame"}
    async with connected(shared.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), headers))
        await (await backend.next_request()).reply("Hello")
        response = await client.response()

    assert response.status == 200
    assert is_readable(response)


async def test_a_page_can_read_why_its_body_is_refused(tmp_path: Path, backend: RawBackend) -> None:
    limits = Limits(body_bytes=10, body_seconds=0.05, linger_seconds=0.01)
    options = replace(QUICK, allowed_origins=frozenset({PAGE}), limits=limits)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        large = await ask(gateway.base_url, "POST", "/v1/messages", b"x" * 11, headers={"Origin": PAGE})
        elsewhere = await ask(gateway.base_url, "GET", "/v1/models", headers={"Origin": PAGE, "Host": "box.lan"})
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", b"", {"Origin": PAGE, "Content-Length": "9"}))
            late = await client.response()

    assert [large.status, elsewhere.status, late.status] == [413, 403, 408]
    assert all(is_readable(response) for response in (large, elsewhere, late))


async def test_a_page_can_read_what_was_forwarded(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, allowed_origins=frozenset({PAGE}), forward_to=backend.origin)
    async with (
        running_gateway(tmp_path, options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        asked = await client.ask(
            "OPTIONS", "/v1/files/1", headers={**ASKING, "Access-Control-Request-Method": "DELETE"}
        )
        await client.send(request("POST", "/v1/messages", prompt(), {"Origin": PAGE}))
        await (await backend.next_request()).answer(429, b"{}", Access_Control_Allow_Origin="https://other")
        answered = await client.response()

    assert (asked.status, answered.status) == (204, 429)
    assert "DELETE" in asked.headers["access-control-allow-methods"]
    assert is_readable(asked)
    assert is_readable(answered)


async def test_a_question_of_a_browser_is_no_exchange_with_a_model(shared: RunningGateway) -> None:
    await ask(shared.base_url, "OPTIONS", "/v1/messages", headers=ASKING)

    assert shared.records() == []


async def test_a_client_that_is_no_page_gets_none_of_these_headers(shared: RunningGateway) -> None:
    response = await ask(shared.base_url, "GET", "/v1/models", headers={"x-api-key": "sesame"})

    assert not [name for name in response.headers if name.startswith("access-control")]


def test_only_a_question_of_a_browser_is_a_preflight() -> None:
    assert is_preflight("OPTIONS", ASKING)
    assert not is_preflight("POST", ASKING)
    assert not is_preflight("OPTIONS", {"Origin": PAGE})


@pytest.mark.parametrize("space", ["Private", "Local"])
def test_a_page_of_the_internet_gets_the_permission_for_a_private_network(space: str) -> None:
    response = preflight_response({**ASKING, f"Access-Control-Request-{space}-Network": "true"})

    assert response.headers[f"Access-Control-Allow-{space}-Network"] == "true"
    assert f"Access-Control-Allow-{space}-Network" not in preflight_response(ASKING).headers


def test_what_is_no_name_of_a_header_is_not_repeated() -> None:
    asked = preflight_response({**ASKING, "Access-Control-Request-Headers": "x-a, \r\nSet-Cookie: b, x-c"})

    assert asked.headers["Access-Control-Allow-Headers"] == "x-a, x-c"


def test_the_method_that_a_page_asks_for_is_repeated_if_it_is_one() -> None:
    asked = [
        preflight_response({**ASKING, "Access-Control-Request-Method": method}).headers["Access-Control-Allow-Methods"]
        for method in ("DELETE", "POST", "PO ST\r\n")
    ]

    assert asked == ["GET, HEAD, POST, OPTIONS, DELETE", "GET, HEAD, POST, OPTIONS", "GET, HEAD, POST, OPTIONS"]


def test_what_a_server_has_said_of_other_pages_is_replaced() -> None:
    response = web.Response(
        headers=[
            ("Access-Control-Allow-Origin", "https://other"),
            ("access-control-allow-credentials", "true"),
            ("Access-Control-Expose-Headers", "anthropic-ratelimit-requests-limit,request-id"),
            ("anyclaude-model", "m"),
            ("x-other", "hidden"),
            ("Vary", "Accept-Encoding,origin"),
            ("vary", "Accept"),
        ]
    )

    share_with(PAGE, response)

    assert response.headers.getall("Access-Control-Allow-Origin") == [PAGE]
    assert response.headers.getall("Vary") == ["Accept-Encoding, Accept, Origin"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"request-id", "retry-after", "anthropic-ratelimit-requests-limit", "anyclaude-model"} <= set(exposed)
    assert "x-other" not in exposed
    assert len(exposed) == len(set(exposed))
