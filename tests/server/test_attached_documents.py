"""Documents from the client to the model, through the gateway."""

import json
from base64 import b64encode

import pytest
from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.pdf_files import encrypted_pdf, pdf_of, text_of
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.protocol.json_values import JsonObject
from anyclaude.reading.reader import COMMAND, Reader
from anyclaude.server import composition

SILENT = (*COMMAND[:1], "-c", "import sys; sys.stdin.buffer.read()")
"""Takes files, and answers none."""


def asking(file: bytes, *later: JsonObject) -> bytes:
    """Return the body of a conversation that begins with a PDF."""
    source = {"type": "base64", "media_type": "application/pdf", "data": b64encode(file).decode()}
    content = [{"type": "document", "source": source}, {"type": "text", "text": "What does it say?"}]
    return json.dumps(
        {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": content}, *later]}
    ).encode()


@pytest.mark.slow
@pytest.mark.parametrize("pages", [1, 50, 500])
async def test_the_model_gets_every_page_in_every_turn(
    gateway: RunningGateway, backend: RawBackend, pages: int
) -> None:
    later: tuple[JsonObject, ...] = (
        {"role": "assistant", "content": "Much."},
        {"role": "user", "content": "What else?"},
    )
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", asking(pdf_of(pages)), CLAUDE_CODE))
        first = await backend.next_request()
        await first.reply("Much.")
        await client.response()
        await client.send(request("POST", "/v1/messages", asking(pdf_of(pages), *later), CLAUDE_CODE))
        second = await backend.next_request()
        await second.reply("Nothing.")
        await client.response()

    said = str(at(first.json, "messages", -1, "content"))
    texts = [f"[page {page} of {pages}]\n{text_of(page)}" for page in range(1, pages + 1)]
    assert said == "\n\n".join([*texts, "What does it say?"])
    assert at(second.json, "messages", -3, "content") == said
    documents = gateway.records()[-1]["documents"]
    assert documents == [{"pages": pages, "characters": sum(map(len, texts))}]


async def test_a_document_that_cannot_be_read_is_in_the_way_of_no_turn(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", asking(encrypted_pdf())))
        received = await backend.next_request()
        await received.reply("I cannot read it.")
        response = await client.response()

    assert "[document (application/pdf) omitted: it is protected by a password" in str(received.json)

    assert judge(response.body).texts() == ["I cannot read it."], response.body


async def test_a_document_is_counted_as_it_is_sent(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages/count_tokens", asking(pdf_of(2))))
        received = await backend.next_request()
        await received.answer(200, b'{"object": "response.input_tokens", "input_tokens": 4711}')
        response = await client.response()

    assert text_of(2) in str(received.json)
    assert response.json == {"input_tokens": 4711}


async def test_another_request_is_answered_while_a_document_is_read(
    gateway_with_silent_reader: None, gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as large, connected(gateway.base_url) as small:
        await large.send(request("POST", "/v1/messages", asking(pdf_of(500))))
        await small.send(request("POST", "/v1/messages", prompt("Hi")))
        await (await backend.next_request()).reply("Hello")
        answered = await small.response()
        large.reset()
        left = await gateway.recorded(2)

    assert judge(answered.body).texts() == ["Hello"]
    assert left["outcome"] == "client_left"
    assert len(backend.requests) == 1


@pytest.fixture
def gateway_with_silent_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the gateway's reader one that never comes to an end."""
    monkeypatch.setattr(composition, "Reader", lambda: Reader(command=SILENT))
