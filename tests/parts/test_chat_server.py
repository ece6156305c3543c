"""The scripted server behaves as a model server does."""

import asyncio
from collections.abc import Mapping

import aiohttp
import pytest
from tests.parts.chat_reply import (
    CallFormat,
    Fail,
    Hold,
    Raw,
    Reply,
    ReplyFormat,
    Reset,
    Signal,
    Stop,
    Usage,
    call,
    finish,
    refuse,
    reply,
    say,
    think,
)
from tests.parts.chat_script import Answer
from tests.parts.chat_server import ChatServer, Outcome, ServerOptions, chat_server

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

HELLO: JsonObject = {"role": "user", "content": "hello"}


def body(*messages: JsonObject, stream: bool = True, **more: JsonValue) -> dict[str, JsonValue]:
    """Return the body of a request."""
    return {"model": "m", "messages": list(messages), "stream": stream, **more}


async def ask(server: ChatServer, content: Mapping[str, JsonValue]) -> tuple[int, bytes]:
    """Send one request and read the whole response."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.base_url}/chat/completions", json=content) as response,
    ):
        return response.status, await response.read()


def chunks(stream: bytes) -> list[Mapping[str, JsonValue]]:
    """Return the JSON objects of a complete stream."""
    events = stream.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    values = [decode_json(event.removeprefix("data: ").encode()) for event in events[:-2]]
    return [value for value in values if isinstance(value, dict)]


def deltas(stream: bytes) -> list[JsonValue]:
    """Return the deltas of a stream."""
    found: list[JsonValue] = []
    for chunk in chunks(stream):
        choices = chunk["choices"]
        assert isinstance(choices, list)
        found += [choice["delta"] for choice in choices]
    return found


async def test_text_is_sent_in_fragments_after_a_chunk_with_the_role() -> None:
    async with chat_server(lambda _: reply(say("Hello, you."))) as server:
        status, stream = await ask(server, body(HELLO))

    assert status == 200
    assert deltas(stream) == [
        {"role": "assistant", "content": None},
        {"content": "Hell"},
        {"content": "o, y"},
        {"content": "ou."},
        {},
    ]


async def test_a_call_is_sent_with_its_name_before_its_arguments() -> None:
    async with chat_server(lambda _: reply(call("Read", file_path="a").with_id("x"))) as server:
        _, stream = await ask(server, body(HELLO))

    first, *rest = deltas(stream)[1:-1]
    assert first == {
        "tool_calls": [{"index": 0, "id": "x", "type": "function", "function": {"name": "Read", "arguments": ""}}]
    }
    assert rest[0] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"fi'}}]}


async def test_the_last_chunk_has_the_usage_and_no_choices() -> None:
    async with chat_server(lambda _: reply(say("Hi"), usage=Usage(10, 1, 4))) as server:
        _, stream = await ask(server, body(HELLO))

    last = chunks(stream)[-1]
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 1,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(say("done")), "stop"),
        (reply(say("let me see"), call("Bash", command="ls")), "tool_calls"),
        (reply(say("and th"), finish("length")), "length"),
    ],
)
async def test_the_finish_reason_follows_from_the_parts_unless_it_is_given(answer: Reply, reason: str) -> None:
    async with chat_server(lambda _: answer) as server:
        _, stream = await ask(server, body(HELLO))

    choices = chunks(stream)[-2]["choices"]
    assert isinstance(choices, list)
    assert choices[0]["finish_reason"] == reason


async def test_a_request_without_streaming_gets_the_reply_as_one_object() -> None:
    answer = reply(think("hm"), say("It is "), say("this."), call("Read", file_path="a").with_id("x"))
    async with chat_server(lambda _: answer) as server:
        _, text = await ask(server, body(HELLO, stream=False))

    completion = decode_json(text)
    assert isinstance(completion, dict)
    assert completion["choices"][0] == {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": "It is this.",
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "Read", "arguments": '{"file_path":"a"}'}}
            ],
        },
    }


async def test_the_second_turn_finds_the_first_in_the_cache() -> None:
    long: JsonObject = {"role": "user", "content": "word " * 200}
    async with chat_server(lambda _: reply(say("ok"))) as server:
        await ask(server, body(long))
        _, stream = await ask(server, body(long, {"role": "assistant", "content": "ok"}, HELLO))

    usage = chunks(stream)[-1]["usage"]
    assert isinstance(usage, dict)
    assert usage["prompt_tokens"] > usage["prompt_tokens_details"]["cached_tokens"] > 250


async def test_the_write_size_does_not_change_the_bytes() -> None:
    answer = reply(say("Grüße, 世界 🌍"), usage=Usage(1, 1))
    async with (
        chat_server(lambda _: answer) as plain,
        chat_server(lambda _: answer, ServerOptions(bytes_per_write=7)) as split,
    ):
        whole, pieces = await ask(plain, body(HELLO)), await ask(split, body(HELLO))

    assert whole == pieces


async def test_a_refusal_has_its_status_its_headers_and_an_error_object() -> None:
    async with (
        chat_server(lambda _: refuse(429, "slow down", "rate_limit_exceeded", retry_after="3")) as server,
        aiohttp.ClientSession() as session,
        session.post(f"{server.base_url}/chat/completions", json=body(HELLO)) as response,
    ):
        text = await response.json()

    assert (response.status, response.headers["retry-after"]) == (429, "3")
    assert text == {"error": {"code": 429, "message": "slow down", "type": "rate_limit_exceeded"}}


async def test_an_error_in_the_stream_ends_it_without_done() -> None:
    async with chat_server(lambda _: reply(say("Hel"), Fail({"code": 500, "message": "out of memory"}))) as server:
        _, stream = await ask(server, body(HELLO))

    assert stream.endswith(b'data: {"error":{"code":500,"message":"out of memory"}}\n\n')


async def test_a_stop_ends_the_response_without_a_finish_reason() -> None:
    async with chat_server(lambda _: reply(say("Hel"), Stop(), say("lo"))) as server:
        _, stream = await ask(server, body(HELLO))

    assert stream.endswith(b"\n\n")
    assert b'"Hel"' in stream
    assert b'"stop"' not in stream


async def test_a_reset_breaks_the_connection() -> None:
    async with chat_server(lambda _: reply(say("Hel"), Reset())) as server:
        with pytest.raises(aiohttp.ClientError):
            await ask(server, body(HELLO))

        assert server.exchanges[0].outcome is Outcome.BROKEN_OFF


async def test_raw_bytes_are_sent_as_they_are() -> None:
    async with chat_server(lambda _: reply(Raw(b": a comment\n\n"))) as server:
        _, stream = await ask(server, body(HELLO))

    assert b": a comment\n\n" in stream


async def test_a_held_reply_waits_for_its_event() -> None:
    gate = asyncio.Event()
    async with chat_server(lambda _: reply(say("one"), Hold(gate), say("two"))) as server:
        pending = asyncio.create_task(ask(server, body(HELLO)))
        held = (await server.exchange(1)).outcome
        gate.set()
        _, stream = await pending

    assert held is Outcome.UNDERWAY
    assert {"content": "two"} in deltas(stream)


async def test_one_reply_may_wait_for_a_signal_in_another() -> None:
    gate = asyncio.Event()
    answers = {"first": reply(Hold(gate), say("later")), "second": reply(Signal(gate), say("sooner"))}
    async with chat_server(lambda request: answers[request.opening]) as server:
        pending = [ask(server, body({"role": "user", "content": name})) for name in answers]
        streams = [stream for _, stream in await asyncio.gather(*pending)]

    assert [len(deltas(stream)) for stream in streams] == [4, 4]


async def test_a_client_that_disconnects_is_recorded() -> None:
    never = asyncio.Event()
    async with chat_server(lambda _: reply(say("one"), Hold(never))) as server:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.base_url}/chat/completions", json=body(HELLO)) as response,
        ):
            await response.content.readany()
            response.close()
        await server.exchanges[0].over.wait()

        assert server.exchanges[0].outcome is Outcome.ABANDONED


CALL: JsonObject = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "x", "type": "function", "function": {"name": "Read", "arguments": "{}"}}],
}
RESULT: JsonObject = {"role": "tool", "tool_call_id": "x", "content": "the text"}


@pytest.mark.parametrize(
    "messages",
    [
        (HELLO, {"role": "system", "content": "late"}),
        (HELLO, CALL, HELLO),
        (HELLO, CALL),
        (HELLO, RESULT),
        (HELLO, CALL, RESULT, CALL, RESULT),
        (HELLO, CALL, {**RESULT, "tool_call_id": "y"}),
        (HELLO, {"role": "assistant", "content": ""}, HELLO),
        ({"role": "user", "content": ""},),
        (HELLO, {"role": "user"}),
    ],
)
async def test_a_conversation_that_breaks_the_rules_is_refused(messages: tuple[JsonObject, ...]) -> None:
    async with chat_server(lambda _: reply(say("ok"))) as server:
        status, _ = await ask(server, body(*messages))

        assert status == 400
        with pytest.raises(AssertionError, match="messages"):
            server.check()


async def test_a_conversation_that_follows_the_rules_is_answered() -> None:
    async with chat_server(lambda _: reply(say("ok"))) as server:
        status, _ = await ask(server, body({"role": "system", "content": "s"}, HELLO, CALL, RESULT, HELLO))

        server.check()
    assert status == 200


async def test_a_lenient_server_answers_any_valid_request() -> None:
    async with chat_server(lambda _: reply(say("ok")), ServerOptions(is_strict=False)) as server:
        status, _ = await ask(server, body(HELLO, RESULT))

    assert status == 200


async def test_a_failed_check_in_the_script_is_reported_to_the_test() -> None:
    def script(_: object) -> Answer:
        raise AssertionError("the tool result should be marked as an error")

    async with chat_server(script) as server:
        status, _ = await ask(server, body(HELLO))

        assert status == 400
        with pytest.raises(AssertionError, match="marked as an error"):
            server.check()


async def get(server: ChatServer, path: str) -> tuple[int, JsonValue]:
    """Request another route."""
    async with aiohttp.ClientSession() as session, session.get(server.origin + path) as response:
        return response.status, decode_json(await response.read())


async def test_llama_cpp_reports_its_context_and_its_model() -> None:
    async with chat_server(lambda _: reply(), ServerOptions(ReplyFormat(model="qwen"), context_tokens=4096)) as server:
        props, models = (await get(server, "/props"))[1], (await get(server, "/v1/models"))[1]

    assert isinstance(props, dict)
    assert isinstance(models, dict)
    assert props["default_generation_settings"]["n_ctx"] == models["data"][0]["meta"]["n_ctx"] == 4096
    assert props["model_alias"] == models["data"][0]["id"] == "qwen"
    assert [request.path for request in server.other_requests] == ["/props", "/v1/models"]


async def test_another_server_has_only_the_models_route() -> None:
    async with chat_server(lambda _: reply(), ServerOptions(is_llama_cpp=False)) as server:
        statuses = [(await get(server, path))[0] for path in ("/v1/models", "/props", "/health")]

    assert statuses == [200, 404, 404]


async def test_a_server_of_another_kind_describes_itself_by_its_own_documents() -> None:
    documents: Mapping[str, JsonValue] = {"/api/show": {"a": 1}, "/props?model=x": {"b": 2}}
    async with chat_server(lambda _: reply(), ServerOptions(documents=documents)) as server:
        answers = [await get(server, path) for path in ("/api/show", "/props?model=x", "/props", "/v1/models")]

    assert [status for status, _ in answers] == [200, 200, 404, 404]
    assert [content for _, content in answers[:2]] == [{"a": 1}, {"b": 2}]


async def test_a_server_that_loads_its_model_answers_503_until_then() -> None:
    async with chat_server(lambda _: reply(say("ok")), ServerOptions(requests_while_loading=2)) as server:
        statuses = [
            (await ask(server, body(HELLO)))[0],
            (await get(server, "/props"))[0],
            (await get(server, "/props"))[0],
        ]

    assert statuses == [503, 503, 200]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("whole", {"index": 0, "id": "x"}), ("whole, without number and id", {"id": None})],
)
async def test_a_call_may_be_sent_whole(form: CallFormat, expected: JsonObject) -> None:
    options = ServerOptions(ReplyFormat(calls=form, comment=b": wait\n\n"))
    async with chat_server(lambda _: reply(call("Read", file_path="a").with_id("x")), options) as server:
        _, stream = await ask(server, body(HELLO))

    function: JsonObject = {"name": "Read", "arguments": '{"file_path":"a"}'}
    assert stream.startswith(b": wait\n\n")
    assert deltas(stream.removeprefix(b": wait\n\n"))[1:-1] == [
        {"tool_calls": [{**expected, "type": "function", "function": function}]}
    ]


async def test_a_token_count_equals_the_reported_usage() -> None:
    async with chat_server(lambda _: reply(say("ok"))) as server, aiohttp.ClientSession() as session:
        async with session.post(f"{server.base_url}/chat/completions/input_tokens", json=body(HELLO)) as response:
            counted = await response.json()
        _, stream = await ask(server, body(HELLO))

    usage = chunks(stream)[-1]["usage"]
    assert isinstance(usage, dict)
    assert counted == {"input_tokens": usage["prompt_tokens"], "object": "response.input_tokens"}
