"""The setting `tool_calls`, at the edges: what the client gets, and what the server is asked for."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.chat_reply import Raw, Reset, call, refuse, reply, say, sse, think
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, one_by_one
from tests.parts.chat_server import chat_server
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_client import ask, prompt
from tests.parts.referee import Verdict, judge

from anyclaude.filters.endless_reply import SENTENCE
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.tool_calls import ToolCalls

SCHEMA: JsonObject = {"type": "object", "properties": {"limit": {"type": "integer"}}, "required": ["limit"]}
AUTO: JsonObject = {"type": "auto"}
TOOLS: list[JsonValue] = [{"name": "Read", "description": "Reads.", "input_schema": SCHEMA}]
WRITTEN = reply(say('<tool_call>\n{"name": "Read", "arguments": {"limit": 7}}\n</tool_call>'))
REPAIRABLE = reply(call("Read", limit="7"))
INVALID = reply(call("Read", limit="many"))
CONSTRAINED = reply(say('{"name": "Read", "arguments": {"limit": 9}}'))


async def asked(
    folder: Path, tool_calls: ToolCalls, *replies: Answer, choice: JsonValue = AUTO
) -> tuple[Verdict, tuple[ChatRequest, ...]]:
    """Ask for a call of the tool; return the verdict on the reply, and the requests that the server got."""
    body = prompt(tools=TOOLS, tool_choice=choice)
    options = replace(QUICK, tool_calls=tool_calls)
    async with (
        chat_server(one_by_one(*replies)) as server,
        running_gateway(folder, target_at(server.base_url), options=options) as gateway,
    ):
        response = await ask(gateway.base_url, "POST", "/v1/messages", body)
    return judge(response.body), tuple(server.requests)


@pytest.mark.parametrize(("tool_calls", "reason"), [("native", "end_turn"), ("repaired", "tool_use")])
async def test_a_written_call_is_recognised_unless_only_native_calls_count(
    tmp_path: Path, tool_calls: ToolCalls, reason: str
) -> None:
    verdict, _ = await asked(tmp_path, tool_calls, WRITTEN)

    assert (verdict.outcome, verdict.stop_reason) == ("whole", reason)


@pytest.mark.parametrize(("tool_calls", "arguments"), [("native", '{"limit":"7"}'), ("repaired", '{"limit":7}')])
async def test_arguments_are_repaired_unless_only_native_calls_count(
    tmp_path: Path, tool_calls: ToolCalls, arguments: str
) -> None:
    verdict, _ = await asked(tmp_path, tool_calls, REPAIRABLE)

    assert verdict.tool_inputs() == [("Read", arguments)]


@pytest.mark.parametrize(("tool_calls", "requests"), [("native", 1), ("repaired", 1), ("constrained", 2)])
async def test_an_invalid_call_is_requested_again_only_if_calls_are_constrained(
    tmp_path: Path, tool_calls: ToolCalls, requests: int
) -> None:
    verdict, sent = await asked(tmp_path, tool_calls, INVALID, CONSTRAINED)

    assert len(sent) == requests
    assert verdict.stop_reason == "tool_use"


@pytest.mark.parametrize("tool_calls", ["native", "repaired"])
async def test_a_demanded_call_is_only_asked_for_unless_calls_are_constrained(
    tmp_path: Path, tool_calls: ToolCalls
) -> None:
    _, (sent,) = await asked(tmp_path, tool_calls, REPAIRABLE, choice={"type": "any"})

    assert sent.raw.get("tool_choice") == "required"
    assert "response_format" not in sent.raw


async def test_a_demanded_call_is_enforced_if_calls_are_constrained(tmp_path: Path) -> None:
    verdict, (sent,) = await asked(tmp_path, "constrained", CONSTRAINED, choice={"type": "any"})

    assert "response_format" in sent.raw
    assert verdict.stop_reason == "tool_use"


ENDLESS = reply(say('{"name": "Read", "arguments": {"limit": ' + "1234567890" * 4_000))


async def test_a_forced_call_that_repeats_itself_is_requested_again_and_sampled_against_repetition(
    tmp_path: Path,
) -> None:
    verdict, (first, second) = await asked(tmp_path, "constrained", ENDLESS, CONSTRAINED, choice={"type": "any"})

    assert verdict.tool_inputs() == [("Read", '{"limit": 9}')]
    assert "dry_multiplier" not in first.raw
    assert {key: value for key, value in second.raw.items() if not key.startswith("dry_")} == first.raw
    assert second.raw.get("dry_multiplier")


async def test_a_second_call_that_repeats_itself_too_ends_as_text_does(tmp_path: Path) -> None:
    verdict, sent = await asked(tmp_path, "constrained", ENDLESS, ENDLESS, choice={"type": "any"})

    assert (verdict.outcome, verdict.stop_reason, len(sent)) == ("whole", "end_turn", 2)
    assert verdict.texts()[-1].endswith(SENTENCE)


async def test_an_invalid_call_is_delivered_if_the_second_one_repeats_itself(tmp_path: Path) -> None:
    verdict, sent = await asked(tmp_path, "constrained", INVALID, ENDLESS)

    assert (verdict.tool_inputs(), len(sent)) == ([("Read", '{"limit":"many"}')], 2)


async def test_a_call_after_text_is_not_requested_again(tmp_path: Path) -> None:
    endless = reply(say("I read."), call("Read", path="/a" * 20_000))

    verdict, sent = await asked(tmp_path, "constrained", endless)

    assert (verdict.outcome, verdict.stop_reason, len(sent)) == ("whole", "max_tokens", 1)


REFUSED = refuse(400, "unknown field: dry_multiplier")
END: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
LONG = reply(think("x" * 500_000), say('{"name": "Read", "arguments": {"limit": 9}}'))
"""A reply that takes several reads."""


@pytest.mark.parametrize("second", [REFUSED, reply(say('{"name": "Re'), Reset()), refuse(503, "busy")])
async def test_a_call_that_cannot_be_requested_again_ends_as_cut(tmp_path: Path, second: Answer) -> None:
    verdict, sent = await asked(tmp_path, "constrained", ENDLESS, second, second, second, choice={"type": "any"})

    assert (verdict.outcome, verdict.stop_reason) == ("whole", "max_tokens")
    assert "".join(verdict.texts()).startswith('{"name": "Read"')
    assert len(sent) >= 2


@pytest.mark.parametrize("after", ["\n" * 3_000, "the same line here\n" * 600])
async def test_an_invalid_call_is_requested_again_also_if_what_follows_repeats_itself(
    tmp_path: Path, after: str
) -> None:
    verdict, _ = await asked(tmp_path, "constrained", reply(call("Read", limit="many"), say(after)), LONG)

    assert verdict.tool_inputs() == [("Read", '{"limit": 9}')]


async def test_a_second_reply_whose_connection_breaks_after_its_end_counts(tmp_path: Path) -> None:
    broken = reply(say('{"name": "Read", "arguments": {"limit": 9}}'), Raw(sse(END)), Reset())

    verdict, _ = await asked(tmp_path, "constrained", INVALID, broken)

    assert verdict.tool_inputs() == [("Read", '{"limit": 9}')]


async def test_a_call_is_run_that_a_model_writes_as_it_is_told_where_tools_are_sent_in_words(tmp_path: Path) -> None:
    body = prompt(tools=TOOLS, tool_choice=AUTO)
    async with chat_server(one_by_one(WRITTEN)) as server:
        target = target_at(server.base_url)
        target = replace(target, profile=replace(target.profile, tools_sent_as="words"))
        async with running_gateway(tmp_path, target, options=QUICK) as gateway:
            response = await ask(gateway.base_url, "POST", "/v1/messages", body)
    (sent,) = server.requests

    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(sent.raw)
    assert "<tool_call>" in sent.messages[0].text
    assert judge(response.body).tool_inputs() == [("Read", '{"limit": 7}')]


USE: JsonObject = {"type": "tool_use", "name": "Read", "input": {"limit": 7}}
SIGNED = reply(
    call("Read", limit=7),
    Raw(
        b'data: {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "extra_content": {"google": '
        b'{"thought_signature": "c2ln"}}}]}}]}\n\n'
    ),
)


async def test_a_signature_goes_back_with_its_call_after_a_restart_and_not_to_another_model(tmp_path: Path) -> None:
    options = replace(QUICK, memory_file=tmp_path / "calls.jsonl")
    async with chat_server(one_by_one(SIGNED, reply(say("Seven.")), reply(say("Seven.")))) as server:
        target = target_at(server.base_url)
        async with running_gateway(tmp_path, target, options=options) as gateway:
            first = await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=TOOLS))
        (id_,) = re.findall(rb'"id":"(toolu_\w+)"', first.body)
        turns: list[JsonValue] = [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [{**USE, "id": id_.decode()}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_.decode(), "content": "x"}]},
        ]
        for one in (target, replace(target, model="another")):
            async with running_gateway(tmp_path, one, options=options) as gateway:
                await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=TOOLS, messages=turns))
    _, same, other = (request.raw for request in server.requests)

    assert b"c2ln" not in first.body
    assert at(same, "messages", 1, "tool_calls", 0, "extra_content") == {"google": {"thought_signature": "c2ln"}}
    assert "c2ln" not in str(other)
