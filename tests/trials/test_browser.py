"""A page in a real browser uses the gateway, if its origin is allowed, and reads all that it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.browser import PageServer, browser_program, page_server, report_of
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.raw_client import prompt
from tests.parts.referee import judge

from anyclaude.protocol.json_values import JsonObject
from anyclaude.secret import Secret

PROGRAM = browser_program() or ""

pytestmark = pytest.mark.skipif(not PROGRAM, reason="there is no Chromium on the PATH (apt-get install chromium)")

ASKS = (("/v1/messages", "sesame"), ("/v1/messages", "wrong"), ("/v1/complete", "sesame"))
"""What the page asks for, and with which token: a reply, a refusal, and a route that there is not."""


@asynccontextmanager
async def page_with_gateway(folder: Path) -> AsyncIterator[PageServer]:
    """Run a gateway with a token for the page at 127.0.0.1."""
    async with page_server() as page, chat_server(always(reply(say("All is well.")))) as server:
        options = replace(QUICK, allowed_origins=frozenset({page.origin()}), token=Secret("sesame"))
        async with running_gateway(folder, target_at(server.base_url), options=options) as gateway:
            page.asks.extend(asking(gateway.base_url + path, token) for path, token in ASKS)
            yield page


def asking(url: str, token: str) -> JsonObject:
    """Return what the page fetches; headers of its own make the browser ask for permission first."""
    headers: JsonObject = {"content-type": "application/json", "x-api-key": token, "anthropic-version": "2023-06-01"}
    return {"url": url, "method": "POST", "headers": headers, "body": prompt().decode()}


async def test_an_allowed_page_reads_a_stream_and_each_error(tmp_path: Path) -> None:
    async with page_with_gateway(tmp_path) as page:
        streamed, unauthorized, missing = await report_of(PROGRAM, page, tmp_path)

    assert judge(str(streamed["text"]).encode()).texts() == ["All is well."]
    assert [answer["status"] for answer in (streamed, unauthorized, missing)] == [200, 401, 404]
    assert all(str(answer["requestId"]).startswith("req_") for answer in (streamed, unauthorized, missing))


async def test_the_same_page_under_another_name_reads_nothing(tmp_path: Path) -> None:
    async with page_with_gateway(tmp_path) as page:
        answers = await report_of(PROGRAM, page, tmp_path, host="localhost")

    assert [set(answer) for answer in answers] == [{"error"}] * len(ASKS)
