"""
What a server repeats of the secrets that it was sent reaches no answer, no log and no terminal.

The servers here are hostile or careless: they put what they got into every place where an answer can carry text, as it
was and encoded.
"""

import asyncio
import json
import re
import stat
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from msgspec.structs import replace
from tests.parts.command import Command
from tests.parts.fake_client import write_fake_client
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.gateway_fixtures import backend, pytest_asyncio_loop_factories
from tests.parts.odd_places import REQUEST
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, ask, connected, request
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import Answer, Documents, StubServer, stub_server

from anyclaude.cli import version
from anyclaude.cli.commands import COMMANDS, Call
from anyclaude.cli.crash import CRASHED
from anyclaude.cli.main import run
from anyclaude.secret import Secret

__all__ = ["backend", "pytest_asyncio_loop_factories"]

KEY = 'sk-live/7+"q&8=Zr4kP9wXy2'
PASSWORD = "pass/w0rd+&%"
QUERY = "qv-5512-zzkk"
TOKEN = "gateway-token-31337"
SECRETS = (KEY, PASSWORD, QUERY, TOKEN)


def forms_of(secret: str) -> list[str]:
    """Return a secret as it may be repeated: as it is, encoded, within a header that was encoded, and cut."""
    header = f"Authorization: Bearer {secret}\n".encode()
    percent = quote(secret, safe="")
    return [
        secret,
        json.dumps(secret)[1:-1],
        percent,
        re.sub("%..", lambda found: found[0].lower(), percent),
        quote_plus(secret),
        quote(secret),
        escape(secret),
        b64encode(secret.encode()).decode(),
        urlsafe_b64encode(secret.encode()).decode(),
        b64encode(f"user:{secret}".encode()).decode(),
        b64encode(header).decode(),
        secret.encode().hex(),
    ]


FORMS = [form for secret in SECRETS for form in forms_of(secret)]
ECHO = " ".join(["no, I do not take", *FORMS, f"http://user:{quote(PASSWORD, safe='')}@10.0.0.1/v1", KEY[:20]])


def leaks_in(text: str) -> list[str]:
    """Return the forms of the secrets that a text contains, also the half of a key, and within base64."""
    certain = [b64encode(secret.encode()).decode()[:8] for secret in SECRETS]
    half = json.dumps(KEY[: len(KEY) // 2 + 2])[1:-1]
    return [form for form in (*FORMS, half, *certain) if form in text]


ERROR = {"error": {"message": ECHO, "type": ECHO, "param": ECHO, "code": ECHO}}
TEXT = json.dumps(ERROR).encode()
HEAD = f"HTTP/1.1 200 {ECHO[:80]}\r\nContent-Type: "


def answer(status: str, body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    """Return a whole response."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


STREAMED = answer("200 OK", b"data: " + TEXT + b"\n\n", "text/event-stream")
BEGUN = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'

ANSWERS: Mapping[str, bytes] = {
    **{f"{status} message": answer(f"{status} No", TEXT) for status in (400, 401, 402, 403, 404, 413, 422, 500)},
    **{f"{status} text": answer(f"{status} No", ECHO.encode(), "text/plain") for status in (400, 403, 404, 500)},
    "400 page": answer("400 No", f"<html><title>{ECHO}</title><p>{ECHO}</p></html>".encode(), "text/html"),
    "422 list": answer(
        "422 No", json.dumps({"detail": [{"loc": ["header", ECHO], "msg": ECHO, "input": ECHO}]}).encode()
    ),
    "400 without words": answer("400 No", json.dumps({"received": {"headers": [ECHO], ECHO: 1}}).encode()),
    "400 too long": answer("400 No", json.dumps({"error": f"the prompt is too long: {ECHO}"}).encode()),
    "400 image": answer("400 No", json.dumps({"error": f"invalid image: {ECHO}"}).encode()),
    "400 sample": answer("500 No", json.dumps({"error": f"Failed to parse tool call arguments: {ECHO}"}).encode()),
    "400 cut at the key": answer("400 No", json.dumps({"error": "x" * 1_980 + KEY}).encode()),
    "200 body": answer("200 OK", TEXT),
    "200 words": answer("200 OK", json.dumps({"detail": ECHO}).encode()),
    "stream": STREAMED,
    "stream event": answer("200 OK", b"event: error\ndata: " + TEXT + b"\n\n", "text/event-stream"),
    "stream after text": answer("200 OK", BEGUN + b"data: " + TEXT + b"\n\n", "text/event-stream"),
    "redirect": answer("307 Go", b"", more=f"Location: http://10.0.0.1/?key={quote(KEY, safe='')}\r\n"),
    "reason": answer(f"418 {KEY} {TOKEN}", b""),
}
"""Every kind of answer that carries text of the server's; a broken head is quoted by the HTTP library."""


@asynccontextmanager
async def keyed_gateway(folder: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway with a token, in front of a server with a key, whose address has a password and a query."""
    url = backend.base_url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@") + f"?key={QUERY}"
    target = replace(target_at(url), api_key=Secret(KEY))
    async with running_gateway(folder, target, options=replace(QUICK, token=Secret(TOKEN))) as gateway:
        yield gateway


async def everything_said(gateway: RunningGateway) -> str:
    """Return what the gateway's state and its journal say."""
    health = await ask(gateway.base_url, "GET", "/health", headers={"x-api-key": TOKEN})
    return health.body.decode() + json.dumps(gateway.records(), ensure_ascii=False)


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS.keys())
async def test_no_answer_of_a_server_carries_a_secret_to_the_client_or_the_journal(
    tmp_path: Path, backend: RawBackend, raw: bytes, streams: bool
) -> None:
    async with keyed_gateway(tmp_path, backend) as gateway, connected(gateway.base_url) as client:
        body = json.dumps({**REQUEST, "stream": streams}).encode()
        await client.send(request("POST", "/v1/messages", body, {"x-api-key": TOKEN, "Connection": "close"}))
        reading = asyncio.create_task(client.read_until_closed())
        while not reading.done():  # a reply that broke off is asked for again
            asking = asyncio.create_task(backend.next_request())
            await asyncio.wait((reading, asking), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                await asking.result().send(raw)
            asking.cancel()
        said = (await reading).decode() + await everything_said(gateway)

    assert backend.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert '"error"' in said
    assert leaks_in(said) == []


async def test_no_name_of_a_model_carries_a_secret(tmp_path: Path, backend: RawBackend) -> None:
    target = replace(target_at(backend.base_url), api_key=Secret(KEY), model=f"m-{KEY}")
    options = replace(QUICK, prompts_folder=tmp_path / "prompts")
    async with running_gateway(tmp_path, target, options=options) as gateway, connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", json.dumps(REQUEST).encode()))
        await (await backend.next_request()).reply("Hello")
        reply = await client.response()
        models = await ask(gateway.base_url, "GET", "/v1/models")
        one = await ask(gateway.base_url, "GET", f"/v1/models/{quote(f'm-{KEY}', safe='')}")
    findings = (tmp_path / "prompts" / "findings.jsonl").read_text()

    assert leaks_in(f"{reply.headers} {models.body.decode()} {one.body.decode()} {findings}") == []
    assert reply.headers["anyclaude-model"] == "m-%2A%2A%2A"
    assert "m-***" in models.body.decode()


async def test_the_text_of_a_reply_is_not_touched(tmp_path: Path, backend: RawBackend) -> None:
    async with keyed_gateway(tmp_path, backend) as gateway:
        body = json.dumps(REQUEST).encode()
        asking = asyncio.create_task(ask(gateway.base_url, "POST", "/v1/messages", body, {"x-api-key": TOKEN}))
        await (await backend.next_request()).reply(f"{KEY}\x1b[31m")
        reply = await asking

    assert reply.json["content"] == [{"type": "text", "text": f"{KEY}\x1b[31m"}]


ESCAPES = "\x1b[2J\x1b]52;c;aGk=\x07\x1b]0;title\x1b\\\x9b31m\x07\r\b\x00\u202e\u2066\u200f\u2028[red]"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = json.dumps({"error": {"message": f"{ESCAPES} {ECHO}"}})


def problems_in(*texts: str) -> list[str]:
    """Return the secrets and the control characters in what was written to a terminal."""
    return [found for text in texts for found in (*leaks_in(text), *CONTROL.findall(text))]


def secret_environment(server: StubServer) -> dict[str, str]:
    """Return an environment with a secret of every kind."""
    address = server.origin.replace("://", f"://user:{quote(PASSWORD, safe='')}@")
    return {
        "ANYCLAUDE_BACKEND_URL": f"{address}/v1?key={QUERY}",
        "ANYCLAUDE_API_KEY": KEY,
        "ANYCLAUDE_TOKEN": TOKEN,
    }


async def said_by(command: Command, words: tuple[str, ...]) -> list[str]:
    """Return what a command writes until it ends; `serve` is ended after its first line."""
    async with command.started(*words, **secret_environment(command.server)) as process:
        assert process.stdout is not None
        first = await process.stdout.readline()
        if words[0] == "serve":
            with suppress(ProcessLookupError):
                process.terminate()
        return [text.decode() for text in (first, *await process.communicate())]


STARTS: Mapping[str, Documents] = {
    **{f"{status}": {"/v1/models": Answer(status, HOSTILE)} for status in (200, 401, 404, 500)},
    "text": {"/v1/models": Answer(500, f"{ESCAPES} {ECHO}", "text/plain")},
    "redirect": {"/v1/models": Answer(302, "", headers={"Location": f"http://user:{KEY[:7]}pw@10.0.0.1/?key={QUERY}"})},
    "model": {**VLLM, "/v1/models": {"data": [{"id": f"m\nexport PATH=/evil{ESCAPES}{KEY}", "max_model_len": 9_000}]}},
}
"""What a server answers before anything else."""


@pytest.mark.parametrize(
    ("words", "documents"),
    [
        *((("--print-env",), documents) for documents in STARTS.values()),
        *((words, STARTS["model"]) for words in (("models",), ("-p", "exit-0"), ("serve",))),
        (("serve", "--mode", "vllm"), STARTS["500"]),
    ],
    ids=[*STARTS, "models", "print", "serve", "serve waits"],
)
async def test_no_start_shows_a_secret_or_a_control_character_and_no_client_gets_a_secret(
    tmp_path: Path, words: tuple[str, ...], documents: Documents
) -> None:
    write_fake_client(tmp_path)
    async with stub_server(documents) as server:
        said = await said_by(Command(tmp_path, server), words)

    assert any(said)
    assert problems_in(*said) == []


USERINFO = "user:s3cr3t-pw@"


@pytest.mark.parametrize(
    "words",
    [
        ("--backend-url", f"http://{USERINFO}ho st/v1"),
        ("--backend-url", f"ftp://{USERINFO}host"),
        ("--fallbacks", f"http://{USERINFO}host:99999/"),
        (f"--bakend-url=http://{USERINFO}host",),
        ("serve", f"http://{USERINFO}host"),
        ("--port", f"http://{USERINFO}host"),
        ("--mode", f"https:\\/\\/{USERINFO}host"),
        ("explain", f"http://{USERINFO}host"),
        ("doctor", f"http://{USERINFO}host"),
        ("doctor", f"http://{USERINFO}host x"),
        ("prompt", "--show", f"/http://{USERINFO}host\x1b[2J"),
    ],
)
def test_no_mistake_on_the_command_line_shows_a_password(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    run(words, COMMANDS)
    shown = capsys.readouterr()

    assert shown.out or shown.err
    assert "s3cr3t" not in shown.out + shown.err
    assert CONTROL.findall(shown.out + shown.err) == []


REFUSALS: Mapping[str, Answer] = {
    "stream": Answer(200, f"data: {HOSTILE}\n\n", "text/event-stream"),
    "400": Answer(400, HOSTILE),
    "field": Answer(400, json.dumps({"error": {"message": f"max_tokens is not supported {ESCAPES} {ECHO}"}})),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_no_file_and_no_report_about_an_exchange_has_a_secret(tmp_path: Path, refusal: Answer) -> None:
    async with stub_server({**VLLM, "/v1/chat/completions": refusal}) as server:
        command = Command(tmp_path, server)
        async with command.started("serve", "--port", "0", **secret_environment(server)) as process:
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().split()[3]
            headers = {"x-api-key": TOKEN, **CLAUDE_CODE}
            reply = await ask(url, "POST", "/v1/messages", json.dumps(REQUEST).encode(), headers)
            process.terminate()
            out, err = await process.communicate()
        reports = [await said_by(command, words) for words in (("explain",), ("explain", "--last", "3"), ("doctor",))]

    files = [file for file in (tmp_path / ".anyclaude").rglob("*") if file.is_file()]
    assert any(file.name.endswith(".jsonl") for file in files)
    assert reply.status in {400, 500}
    assert leaks_in(reply.body.decode()) == []
    assert problems_in(out.decode(), err.decode(), *(text for report in reports for text in report)) == []
    assert [file.name for file in files if leaks_in(file.read_text(errors="replace"))] == []
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_traceback_has_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MY_SERVICE_TOKEN", "tok-2718281828")

    def broken(call: Call) -> int:
        raise LookupError(f"no {call.environment['MY_SERVICE_TOKEN']} at http://{USERINFO}host")

    monkeypatch.setattr(version, "run", broken)

    status = run(("--version",), COMMANDS)
    shown = (tmp_path / ".anyclaude" / "logs" / "anyclaude.log").read_text() + capsys.readouterr().err

    assert status == CRASHED
    assert shown.count("LookupError: no *** at http://***@host") == 2
    assert "2718281828" not in shown
