"""The real client in mode `claude`, with a company's gateway that has a certificate of its own."""

import json
from pathlib import Path

import pytest
from tests.parts.certificate import write_certificate
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.launched_command import output_of_anyclaude
from tests.parts.stub_server import Answer, StubServer, stub_server

from anyclaude.protocol.json_values import JsonObject

PATIENCE_SECONDS = 120.0

MESSAGE: JsonObject = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
ENDING: JsonObject = {"stop_reason": "end_turn", "stop_sequence": None}
EVENTS: tuple[JsonObject, ...] = (
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "All is well."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": ENDING, "usage": {"output_tokens": 4}},
    {"type": "message_stop"},
)
STREAM = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS)
MESSAGES = "/anthropic/v1/messages"


async def answer_of(home: Path, company: StubServer, **environment: str) -> tuple[int, str, str]:
    """Ask through anyclaude; return its status, output and errors."""
    of_company = {"ANTHROPIC_BASE_URL": f"{company.origin}/anthropic", "ANTHROPIC_AUTH_TOKEN": "company-token"}
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    words = ("--mode", "claude", "-p", "Say hello")
    return await output_of_anyclaude(
        installed_client(NATIVE), home, words, {**of_company, **quiet, **environment}, PATIENCE_SECONDS
    )


@pytest.mark.parametrize("variable", ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_it_is_reached_with_the_certificate_that_a_variable_names(variable: str, tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    async with stub_server({MESSAGES: Answer(200, STREAM, "text/event-stream")}, tls=tls) as company:
        status, out, err = await answer_of(tmp_path, company, **{variable: str(certificate)})

    assert (status, out.strip()) == (0, "All is well.")
    assert {authorization for _, _, authorization in company.requests} == {"Bearer company-token"}
    assert all(path.startswith(MESSAGES) for _, path, _ in company.requests)
    assert f"{company.origin}/anthropic, unchanged" in err


async def test_a_certificate_that_is_not_trusted_is_named_and_not_as_a_passing_trouble(tmp_path: Path) -> None:
    _, tls = write_certificate(tmp_path)
    async with stub_server({}, tls=tls) as company:
        status, out, err = await answer_of(tmp_path, company)

    assert status != 0
    assert "self-signed certificate" in out + err
    assert "temporary" not in out + err
    assert company.requests == []


async def test_it_is_reached_without_a_check_where_the_client_checks_nothing_and_that_is_said(tmp_path: Path) -> None:
    _, tls = write_certificate(tmp_path)
    async with stub_server({MESSAGES: Answer(200, STREAM, "text/event-stream")}, tls=tls) as company:
        status, out, err = await answer_of(tmp_path, company, NODE_TLS_REJECT_UNAUTHORIZED="0")

    assert (status, out.strip()) == (0, "All is well.")
    assert "certificate is not checked" in err
