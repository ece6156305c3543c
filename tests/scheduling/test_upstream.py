"""A request is prepared once for an upstream, and sent as it was prepared."""

import json

import pytest
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.upstreams import HELLO, upstream_of

from anyclaude.errors import BackendRejected
from anyclaude.profiles import ThinkingSwitch
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.messages_request import Tool, ToolChoice
from anyclaude.scheduling import BackendRequest, Priority

WHOLE = FakeReply(chunks=(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n', b"data: [DONE]\n\n"))


def backend(*script: FakeReply) -> FakeBackend:
    return FakeBackend(replace(target_at("http://fake/v1"), models={"subagent": "small"}), *script)


def test_preparing_a_request_chooses_the_model_and_encodes_the_body() -> None:
    prepared = upstream_of(backend()).prepare(HELLO)

    assert (prepared.model, prepared.route) == ("local-model", "llamacpp/local-model")
    assert json.loads(prepared.wire.body)["model"] == "local-model"
    assert [part.text for part in prepared.prompt.parts] == ["Hello"]


def test_the_model_depends_on_the_priority_of_the_request() -> None:
    prepared = upstream_of(backend()).prepare(replace(HELLO, priority=Priority.SUBAGENT))

    assert prepared.model == json.loads(prepared.wire.body)["model"] == "small"


@pytest.mark.parametrize(
    ("switch", "fields", "opens"),
    [
        ("none", {}, True),
        ("none", {"thinking": {"type": "disabled"}}, True),
        ("enable_thinking", {}, False),
        ("enable_thinking", {"thinking": {"type": "adaptive"}}, True),
        ("enable_thinking", {"thinking": {"type": "disabled"}}, False),
        ("none", {"tools": (Tool("a", "", {}),), "tool_choice": ToolChoice("any")}, False),
    ],
)
def test_a_reply_begins_with_reasoning_if_the_prompt_opens_it_and_nothing_prevents_it(
    switch: ThinkingSwitch, fields: dict[str, object], opens: bool
) -> None:
    target = target_at("http://fake/v1")
    profile = replace(target.profile, opens_thinking=True, thinking_switch=switch)
    upstream = upstream_of(FakeBackend(replace(target, profile=profile)))

    prepared = upstream.prepare(replace(HELLO, request=replace(HELLO.request, **fields)))

    assert prepared.opens_thinking == opens


def test_a_prepared_request_lists_its_dropped_fields() -> None:
    thinking = replace(HELLO.request, thinking={"type": "adaptive"})
    prepared = upstream_of(backend()).prepare(BackendRequest(thinking, "conversation"))

    assert [field.what for field in prepared.dropped] == ["thinking"]


async def test_the_body_is_sent_as_it_was_prepared() -> None:
    fake = backend(WHOLE)
    upstream = upstream_of(fake)
    prepared = upstream.prepare(HELLO)
    async with upstream.send(prepared, 1.0) as reader:
        deltas = await reader.read(1.0)

    assert fake.requests == [prepared.wire]
    assert deltas == [TextDelta("Hello")]
    assert fake.open_replies == 0


async def test_an_error_status_is_raised_with_the_servers_message() -> None:
    upstream = upstream_of(backend(FakeReply(status=404, chunks=(b'{"error": {"message": "no such model"}}',))))

    with pytest.raises(BackendRejected, match="no such model"):
        async with upstream.send(upstream.prepare(HELLO), 1.0):
            pass
