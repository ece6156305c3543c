"""`POST /v1/messages`: how failures of the backend reach the client, and how a client that disconnects affects it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import CLAUDE_CODE, RawClient, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.server import StreamTiming
from anyclaude.server.messages import INPUT_TOKENS_HEADER
from anyclaude.timeouts import Timeouts

Disconnect: TypeAlias = Callable[[RawClient], None]

WITHOUT_RETRIES = replace(QUICK, timeouts=Timeouts(retry_seconds=0.0))
"""A failure reaches the client at once."""

COMMIT_AT_ONCE = replace(WITHOUT_RETRIES, timing=StreamTiming(commit_seconds=0.0))
"""The status is sent at once, as it otherwise is after five seconds of silence."""

REFUSALS = [
    (400, "invalid_request_error", "false"),
    (401, "authentication_error", "false"),
    (403, "permission_error", "false"),
    (413, "request_too_large", "false"),
    (422, "invalid_request_error", "false"),
    (429, "rate_limit_error", "true"),
    (500, "api_error", "false"),
    (503, "api_error", "true"),
    (529, "overloaded_error", "true"),
]
"""Status, Anthropic error type, and whether a retry can help."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("status", "kind", "should_retry"), REFUSALS)
async def test_a_refusal_keeps_its_status_and_message(
    without_retries: RunningGateway, backend: RawBackend, status: int, kind: str, should_retry: str, stream: bool
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
        await (await backend.next_request()).refuse(status, "the words of the server")
        response = await client.response()

    assert response.status == status
    assert response.error[0] == kind
    assert "the words of the server" in response.error[1]
    assert response.headers["x-should-retry"] == should_retry
    assert without_retries.records()[-1]["outcome"] == "failed"
    assert without_retries.records()[-1]["status"] == status


@pytest.mark.parametrize("stream", [True, False])
async def test_status_404_of_a_server_goes_out_as_400_because_the_client_hides_the_words_of_the_other(
    without_retries: RunningGateway, backend: RawBackend, stream: bool
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
        await (await backend.next_request()).refuse(404, "the words of the server")
        response = await client.response()

    assert (response.status, response.error[0]) == (400, "invalid_request_error")
    assert response.error[1] == "the words of the server"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("body", [b'{"code":500,"msg":"quota used up"}', b"quota used up\n", b'"quota used up"'])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_under_status_200_is_reported_at_once_and_opens_no_circuit(
    gateway: RunningGateway, backend: RawBackend, body: bytes, stream: bool
) -> None:
    async with connected(gateway.base_url) as client:
        for _ in range(10):
            await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
            await (await backend.next_request()).answer(200, body)
            response = await client.response()

            assert response.error[1] == "quota used up"
            assert response.headers["x-should-retry"] == "false"
    assert len(backend.requests) == 10
    assert [record["attempts"] for record in gateway.records()] == [1] * 10


async def test_a_reply_with_chunks_of_an_earlier_one_is_requested_again_on_a_new_connection(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    def reply(*chunks: tuple[str, str]) -> bytes:
        parts = ({"id": reply_id, "choices": [{"index": 0, "delta": {"content": text}}]} for reply_id, text in chunks)
        return b"".join(b"data: %s\n\n" % json.dumps(part).encode() for part in parts) + b"data: [DONE]\n\n"

    texts: list[str] = []
    async with connected(gateway.base_url) as client:
        for replies in ([reply(("1", "one"))], [reply(("1", "stale"), ("2", "two")), reply(("3", "three"))]):
            await client.send(request("POST", "/v1/messages", prompt(f"question {len(texts)}")))
            for body in replies:
                await (await backend.next_request()).answer(200, body)
            texts += judge((await client.response()).body).texts()

    assert texts == ["one", "three"]
    assert gateway.records()[-1]["attempts"] == 2


async def test_a_stream_begins_with_a_labelled_estimate_and_ends_with_the_engines_count(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("x" * 400)))
        await (await backend.next_request()).reply("Hello")
        head = await client.head()
        events = await client.events_until("message_stop")

    assert head.headers[INPUT_TOKENS_HEADER] == "estimate"
    assert at(events[0], "message", "usage", "input_tokens") == 100
    assert at(events[-2], "usage", "input_tokens") == 12
    assert at(gateway.records()[-1], "usage", "input_tokens") == 12


@pytest.mark.parametrize("is_counted", [True, False])
async def test_a_whole_message_has_the_engines_count_or_a_labelled_estimate_that_is_not_recorded(
    gateway: RunningGateway, backend: RawBackend, is_counted: bool
) -> None:
    usage = {"usage": {"prompt_tokens": 12, "completion_tokens": 3}} if is_counted else {}
    whole = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}], **usage}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("x" * 400, stream=False)))
        await (await backend.next_request()).answer(200, json.dumps(whole).encode())
        response = await client.response()

    assert response.headers.get(INPUT_TOKENS_HEADER) == (None if is_counted else "estimate")
    assert at(response.json, "usage", "input_tokens") == (12 if is_counted else 100)
    assert at(gateway.records()[-1], "usage", "input_tokens") == (12 if is_counted else None)


@pytest.mark.parametrize(
    ("given", "forwarded"),
    [
        ("7", "7"),
        ("0", "0"),
        ("1.5", "2"),
        ("soon", None),
        ("9" * 400, None),
        ("inf", None),
        ("\xb2", None),
        ("-1", None),
    ],
)
async def test_retry_after_is_forwarded_if_it_is_a_number(
    without_retries: RunningGateway, backend: RawBackend, given: str, forwarded: str | None
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).refuse(429, "slow down", Retry_After=given)
        response = await client.response()

    assert response.status == 429
    assert response.headers.get("retry-after") == forwarded


async def test_a_refusal_in_html_is_reported_as_text(without_retries: RunningGateway, backend: RawBackend) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).answer(502, b"<html><h1>Bad Gateway</h1></html>", "text/html")
        response = await client.response()

    assert response.status == 502
    assert "Bad Gateway" in response.error[1]
    assert "<" not in response.error[1]


async def test_a_reply_is_streamed_to_its_end(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hel", "lo")
        response = await client.response()

    verdict = judge(response.body)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert verdict.outcome == "whole"
    assert verdict.texts() == ["Hello"]
    assert verdict.model == "claude-opus-5-5"
    assert verdict.usage["input_tokens"] == 12


async def test_if_the_backend_is_slow_the_client_receives_the_status_and_message_start_first(
    committed: RunningGateway, backend: RawBackend
) -> None:
    async with connected(committed.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        head = await client.head()
        first = await client.event()
        await received.reply("Hello")
        rest = await client.events_until("message_stop")

    assert head.status == 200
    assert first["type"] == "message_start"
    assert rest[0]["type"] == "content_block_start"


@pytest.mark.parametrize("headers", [CLAUDE_CODE, {}], ids=["claude code", "another client"])
async def test_a_refusal_after_the_status_is_an_error_event_for_every_client(
    committed: RunningGateway, backend: RawBackend, headers: dict[str, str]
) -> None:
    async with connected(committed.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), headers))
        received = await backend.next_request()
        await client.head()
        await client.event()
        await received.refuse(400, "no such thing")
        failed = await client.event()

    assert failed["type"] == "error"
    assert at(failed, "error", "type") == "invalid_request_error"
    assert at(failed, "error", "message") == "no such thing"
    assert committed.records()[-1]["outcome"] == "failed"
    assert committed.records()[-1]["status"] == 200


async def test_an_incomplete_reply_resets_the_connection_of_claude_code(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        await break_off_twice(backend)
        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()
        record = await without_retries.recorded(1)

    assert record["outcome"] == "failed"
    assert record["status"] == 200
    assert at(record, "error", "type") == "api_error"


async def test_an_incomplete_reply_is_an_error_event_for_other_clients(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        await break_off_twice(backend)
        response = await client.response()

    verdict = judge(response.body)
    assert verdict.outcome == "failed"
    assert verdict.error is not None
    assert verdict.error[0] == "api_error"
    assert "llama.cpp at http://127.0.0.1" in verdict.error[1]


async def test_an_incomplete_reply_is_an_error_status_without_streaming(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=False)))
        await break_off_twice(backend)
        response = await client.response()

    assert response.status == 503
    assert response.error[0] == "api_error"
    assert b"Hel" not in response.body


async def test_an_error_inside_the_stream_is_an_error_event(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await received.event({"error": {"message": "out of memory", "code": 500}})
        await received.end()
        response = await client.response()

    verdict = judge(response.body)
    assert verdict.outcome == "failed"
    assert verdict.error == ("api_error", "out of memory")


async def test_an_error_before_the_first_text_is_an_error_status(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.event({"error": {"message": "out of memory", "code": 500}})
        await received.end()
        response = await client.response()

    assert response.status == 500
    assert response.error == ("api_error", "out of memory")


async def test_a_silent_backend_is_a_timeout(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(WITHOUT_RETRIES, timeouts=Timeouts(retry_seconds=0.0, first_byte_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        response = await client.response()
        await received.wait_closed()

    assert response.status == 504
    assert response.error[0] == "timeout_error"
    assert response.headers["x-should-retry"] == "false"


async def test_a_backend_that_stalls_in_its_reply_is_disconnected(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(WITHOUT_RETRIES, timeouts=Timeouts(retry_seconds=0.0, stall_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url, "generic"), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await received.wait_closed()
        (await backend.next_request()).reset()
        response = await client.response()

    verdict = judge(response.body)
    assert verdict.outcome == "failed"
    assert verdict.error is not None


async def test_a_finished_reply_waits_for_its_usage_only_for_a_limited_time(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(WITHOUT_RETRIES, timeouts=Timeouts(finish_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hello")
        await received.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        response = await client.response()
        await received.wait_closed()

    assert judge(response.body).outcome == "whole"


async def test_a_reply_without_a_finish_reason_is_incomplete(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await received.end()
        for _ in range(2):  # on the connection that was kept alive, and on a new one
            (await backend.next_request()).reset()
        response = await client.response()

    assert judge(response.body).outcome == "failed"


async def test_a_refused_continuation_resets_the_connection_of_claude_code(
    without_retries: RunningGateway, backend: RawBackend
) -> None:
    async with connected(without_retries.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        received.reset()
        await (await backend.next_request()).refuse(400, "no prefill here")
        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()
        record = await without_retries.recorded(1)

    assert record["continuations"] == 1
    assert "no prefill here" in str(at(record, "error", "message"))


@pytest.mark.parametrize("stream", [True, False])
async def test_a_backend_that_ignores_stream_is_supported(
    gateway: RunningGateway, backend: RawBackend, stream: bool
) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
        await (await backend.next_request()).answer(200, json.dumps(whole).encode())
        response = await client.response()

    text = judge(response.body).texts() if stream else [at(response.json, "content", 0, "text")]
    assert text == ["Hello"]


async def test_a_reply_that_is_not_streamed_equals_the_accumulated_stream(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    messages = []
    for stream in (True, False):
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
            received = await (await backend.next_request()).begin()
            await received.event({"choices": [{"delta": {"reasoning_content": "Let me see"}}]})
            await received.say("I ", "look")
            call = {"index": 0, "id": "c", "function": {"name": "Read", "arguments": '{"file_path": "/a"}'}}
            await received.event({"choices": [{"delta": {"tool_calls": [call]}}]})
            await received.finish("tool_calls")
            response = await client.response()
        messages.append(judge(response.body).message() if stream else dict(response.json))

    for message in messages:
        assert str(message.pop("id")).startswith("msg_")
        content = message["content"]
        assert isinstance(content, list)
        assert content[-1].pop("id").startswith("toolu_")
    assert messages[0] == messages[1]
    assert messages[1]["stop_reason"] == "tool_use"


async def test_max_tokens_may_be_0(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=False, max_tokens=0)))
        received = await (await backend.next_request()).begin()
        await received.finish("length")
        response = await client.response()

    assert response.status == 200
    assert response.json["content"] == []
    assert response.json["stop_reason"] == "max_tokens"


async def test_the_client_sees_its_own_model_name_and_the_backend_its_own(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(model="claude-haiku-4-5", stream=False)))
        received = await backend.next_request()
        await received.reply("Hello")
        response = await client.response()

    assert received.json["model"] == "local-model"
    assert response.json["model"] == "claude-haiku-4-5"


@pytest.mark.moves_prefix(reason="the client removes its tools, and a tool that is not offered cannot be sent")
async def test_tools_of_one_request_are_not_sent_with_the_next(gateway: RunningGateway, backend: RawBackend) -> None:
    tool = {"name": "Read", "description": "", "input_schema": {"type": "object", "properties": {}}}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(tools=[tool]), CLAUDE_CODE))
        first = await backend.next_request()
        await first.reply("Hello")
        await client.response()
        await client.send(request("POST", "/v1/messages", prompt(), CLAUDE_CODE))
        second = await backend.next_request()
        await second.reply("Hello")
        await client.response()

    assert "tools" in first.json
    assert "tools" not in second.json


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("disconnect", [RawClient.close, RawClient.reset], ids=["closes", "resets"])
async def test_a_client_that_disconnects_before_the_first_byte_releases_the_backend(
    gateway: RunningGateway, backend: RawBackend, disconnect: Disconnect, stream: bool
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
        received = await backend.next_request()
        disconnect(client)
        await received.wait_closed()
        record = await gateway.recorded(1)

    assert record["outcome"] == "client_left"
    assert record["status"] is None
    assert record["attempts"] == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("disconnect", [RawClient.close, RawClient.reset], ids=["closes", "resets"])
async def test_a_client_that_disconnects_in_the_middle_of_the_reply_releases_the_backend(
    gateway: RunningGateway, backend: RawBackend, disconnect: Disconnect, stream: bool
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=stream)))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        if stream:
            await client.head()
            await client.events_until("content_block_delta")
        disconnect(client)
        await received.wait_closed()
        record = await gateway.recorded(1)

    assert record["outcome"] == "client_left"
    assert record["status"] == (200 if stream else None)


async def test_a_client_that_disconnects_between_the_status_and_the_first_text_releases_the_backend(
    committed: RunningGateway, backend: RawBackend
) -> None:
    async with connected(committed.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        await client.head()
        client.reset()
        await received.wait_closed()
        record = await committed.recorded(1)

    assert record["outcome"] == "client_left"
    assert record["status"] == 200


async def test_a_request_of_a_client_that_disconnects_leaves_the_queue(tmp_path: Path, backend: RawBackend) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    async with (
        running_gateway(tmp_path, target) as gateway,
        connected(gateway.base_url) as one,
        connected(gateway.base_url) as two,
        connected(gateway.base_url) as three,
    ):
        await one.send(request("POST", "/v1/messages", prompt("one")))
        first = await (await backend.next_request()).begin()
        await two.send(request("POST", "/v1/messages", prompt("two")))
        await wait_for_queue(gateway, 1)
        await three.send(request("POST", "/v1/messages", prompt("three")))
        await wait_for_queue(gateway, 2)
        two.close()
        record = await gateway.recorded(1)
        await first.say("Hello")
        await first.finish()
        next_received = await backend.next_request()

        assert record["outcome"] == "client_left"
        assert record["attempts"] == 0
        assert at(next_received.json, "messages", -1, "content") == "three"


async def test_the_main_conversation_is_served_before_subagents_and_auxiliary_requests(
    tmp_path: Path, backend: RawBackend
) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    classes = ("auxiliary", "subagent", "main")
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(tmp_path, target))
        clients = [await stack.enter_async_context(connected(gateway.base_url)) for _ in range(4)]
        await clients[0].send(request("POST", "/v1/messages", prompt("first")))
        first = await backend.next_request()
        for count, (client, name) in enumerate(zip(clients[1:], classes, strict=True), start=1):
            headers = {**CLAUDE_CODE, "x-claude-code-request-class": name}
            if name == "subagent":
                headers["x-claude-code-agent-id"] = "a1"
            body = prompt(name)
            await client.send(request("POST", "/v1/messages", body, {**headers, "Content-Length": str(len(body))}))
            await wait_for_queue(gateway, count)
        await first.reply("Hello")
        served = []
        for _ in classes:
            received = await backend.next_request()
            served.append(at(received.json, "messages", -1, "content"))
            await received.reply("Hello")

    assert served == ["main", "subagent", "auxiliary"]


async def test_a_full_queue_refuses_requests(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, queue_limit=1)
    target = target_at(backend.base_url, parallel_requests=1)
    async with (
        running_gateway(tmp_path, target, options=options) as gateway,
        connected(gateway.base_url) as one,
        connected(gateway.base_url) as two,
        connected(gateway.base_url) as three,
    ):
        await one.send(request("POST", "/v1/messages", prompt("one")))
        await backend.next_request()
        await two.send(request("POST", "/v1/messages", prompt("two")))
        await wait_for_queue(gateway, 1)
        refused = await three.ask("POST", "/v1/messages", prompt("three"))
        record = gateway.records()[-1]

    assert refused.status == 429
    assert refused.error[0] == "rate_limit_error"
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["x-should-retry"] == "true"
    assert record["outcome"] == "refused"


async def test_clients_that_disconnect_leave_no_tasks(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as first:
        await first.ask("GET", "/health")
    before = {task for task in asyncio.all_tasks() if "_serve" not in repr(task)}
    for count in range(1, 4):
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", prompt()))
            received = await (await backend.next_request()).begin()
            await received.say("Hel")
            await client.head()
            client.reset()
            await received.wait_closed()
            await gateway.recorded(count)
    await asyncio.sleep(0)
    after = {task for task in asyncio.all_tasks() if "_serve" not in repr(task)}

    assert after - before == set()


@pytest.fixture
async def without_retries(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway that reports a failure at once."""
    async with running_gateway(tmp_path, target_at(backend.base_url), options=WITHOUT_RETRIES) as gateway:
        yield gateway


@pytest.fixture
async def committed(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway that reports a failure at once, but after a status of 200."""
    async with running_gateway(tmp_path, target_at(backend.base_url), options=COMMIT_AT_ONCE) as gateway:
        yield gateway


async def break_off_twice(backend: RawBackend) -> None:
    """Break the connection in the middle of the reply, and again when its continuation is requested."""
    received = await (await backend.next_request()).begin()
    await received.say("Hel")
    received.reset()
    (await backend.next_request()).reset()


async def wait_for_queue(gateway: RunningGateway, count: int) -> None:
    """Wait until `count` requests are in the queue."""
    async with connected(gateway.base_url) as client:
        while at((await client.ask("GET", "/health")).json, "backends", 0, "waiting") != count:
            pass


async def test_a_prompt_that_the_server_truncated_is_rejected_and_the_next_attempt_is_refused_as_too_long(
    tmp_path: Path, backend: RawBackend
) -> None:
    """Ollama answers 200, reads half of its window, and reports the tokens that were left (Ollama issue 17427)."""
    async with truncated(tmp_path, backend, {}) as (client, _, body):
        first = await client.response()
        await client.send(body)
        second = await client.response()

    error = judge(first.body).error
    assert error is not None
    assert error[1].startswith("prompt is too long: 7000 tokens > 4096 maximum")
    assert (second.status, second.error[0]) == (400, "invalid_request_error")
    assert second.error[1].startswith("prompt is too long: 7000 tokens > 4096 maximum")
    assert second.headers["x-should-retry"] == "false"


async def test_the_stream_of_a_truncated_prompt_is_reset_for_claude_code_which_then_gets_the_status(
    tmp_path: Path, backend: RawBackend
) -> None:
    async with truncated(tmp_path, backend, CLAUDE_CODE) as (client, base_url, body):
        with pytest.raises(ConnectionResetError):
            await client.read_until_closed()
        async with connected(base_url) as again:
            await again.send(body)
            second = await again.response()

    assert second.status == 400


@asynccontextmanager
async def truncated(
    folder: Path, backend: RawBackend, headers: dict[str, str]
) -> AsyncIterator[tuple[RawClient, str, bytes]]:
    """Send a prompt of which the server reads half; yield the client, the gateway's address and the request."""
    target = replace(target_at(backend.base_url, "ollama"), context_tokens=4096)
    body = request("POST", "/v1/messages", prompt("A long story. " * 2_000), headers)
    async with (
        running_gateway(folder, target, options=WITHOUT_RETRIES) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(body)
        received = await backend.next_request()
        await received.begin()
        await received.say("Yes.")
        await received.finish(prompt_tokens=2050)
        yield client, gateway.base_url, body
