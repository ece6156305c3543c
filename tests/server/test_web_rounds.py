"""Replies that search, for every kind of reply a model gives: one valid message, and the searches it asks for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from msgspec.structs import replace
from tests.parts.chat_reply import Reply, Stop, call, finish, refuse, reply, say, think
from tests.parts.chat_script import Answer, one_by_one
from tests.parts.chat_server import ChatServer, chat_server
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_client import ask, connected, prompt, request
from tests.parts.referee import Verdict, judge
from tests.parts.searxng import SearxngServer, page, searxng

from anyclaude.protocol.json_values import JsonObject
from anyclaude.web.options import WebOptions

SEARCH: JsonObject = {"type": "web_search_20250305", "name": "web_search"}
LOOK: JsonObject = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
FOUND = (page("https://tides.example/", "Tides", "At 14:20."),)
TIDES, MOON, SEA = call("web_search", query="tides"), call("web_search", query="moon"), call("look", at="the sea")
TELLS = reply(say("At 14:20."))
WRITTEN = reply(say('<tool_call>\n{"name": "web_search", "arguments": {"query": "tides"}}\n</tool_call>'))

USE, RESULT, CALL, TEXT, THOUGHT = "server_tool_use", "web_search_tool_result", "tool_use", "text", "thinking"

Script: TypeAlias = tuple[tuple[Reply, ...], list[str], str, int]
"""The model's replies; the kinds of the blocks that they become, the stop reason, and the number of searches."""

SCRIPTS: dict[str, Script] = {
    "text": ((TELLS,), [TEXT], "end_turn", 0),
    "search": ((reply(TIDES), TELLS), [USE, RESULT, TEXT], "end_turn", 1),
    "text and search": ((reply(say("I look."), TIDES), TELLS), [TEXT, USE, RESULT, TEXT], "end_turn", 1),
    "thought and search": (
        (reply(think("Tides?"), TIDES), reply(think("Yes."), say("At 14:20."))),
        [THOUGHT, USE, RESULT, THOUGHT, TEXT],
        "end_turn",
        1,
    ),
    "two searches": ((reply(TIDES, MOON), TELLS), [USE, USE, RESULT, RESULT, TEXT], "end_turn", 2),
    "one after the other": (
        (reply(TIDES), reply(MOON), TELLS), [USE, RESULT, USE, RESULT, TEXT], "end_turn", 2,
    ),
    "a written call": ((WRITTEN, TELLS), [USE, RESULT, TEXT], "end_turn", 1),
    "cut in the call": ((reply(say("I look."), TIDES, finish("length")),), [TEXT], "max_tokens", 0),
    "cut in the answer": ((reply(TIDES), reply(say("At"), finish("length"))), [USE, RESULT, TEXT], "max_tokens", 1),
    "no query": ((reply(call("web_search", words="x")), TELLS, TELLS), [USE, RESULT, TEXT], "end_turn", 0),
    "nothing after it": ((reply(TIDES), reply()), [USE, RESULT], "end_turn", 1),
}  # fmt: skip

WITH_CLIENT_TOOLS: dict[str, Script] = {
    **SCRIPTS,
    "the client's tool": ((reply(SEA),), [CALL], "tool_use", 0),
    "the client's tool, then a search": ((reply(SEA, TIDES),), [CALL, USE, RESULT], "tool_use", 1),
    "a search, then the client's tool": ((reply(TIDES, SEA),), [CALL, USE, RESULT], "tool_use", 1),
    "the client's tool after a search": ((reply(TIDES), reply(SEA)), [USE, RESULT, CALL], "tool_use", 1),
}

CASES: list[tuple[str, tuple[JsonObject, ...], Script]] = [
    (f"{name}, no other tool", (SEARCH,), script) for name, script in SCRIPTS.items()
]
CASES += [(f"{name}, beside a tool", (SEARCH, LOOK), script) for name, script in WITH_CLIENT_TOOLS.items()]


@asynccontextmanager
async def serving(folder: Path, *replies: Answer) -> AsyncIterator[tuple[RunningGateway, ChatServer, SearxngServer]]:
    async with (
        searxng(FOUND) as provider,
        chat_server(one_by_one(*replies)) as server,
        running_gateway(
            folder,
            target_at(server.base_url),
            options=replace(QUICK, web=WebOptions(search=provider.base_url)),
        ) as gateway,
    ):
        yield gateway, server, provider


def told(response: bytes, *, is_streamed: bool) -> tuple[list[str], str | None]:
    """Return the kinds of the blocks, and the stop reason."""
    if is_streamed:
        verdict = judge(response)
        assert verdict.outcome == "whole"
        return [block.kind for block in verdict.blocks], verdict.stop_reason
    message = json.loads(response)
    return [block["type"] for block in message["content"]], message["stop_reason"]


@pytest.mark.parametrize("is_streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(("tools", "script"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_reply_is_one_message_with_its_searches(
    tools: tuple[JsonObject, ...], script: Script, is_streamed: bool, tmp_path: Path
) -> None:
    replies, kinds, stop_reason, searches = script
    async with serving(tmp_path, *replies) as (gateway, server, provider):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=[*tools], stream=is_streamed))
        server.check()

    assert response.status == 200
    assert told(response.body, is_streamed=is_streamed) == (kinds, stop_reason)
    assert len(provider.queries) == searches
    assert len(server.requests) == len(replies)


async def test_nothing_is_searched_for_a_prompt_that_is_only_evaluated(tmp_path: Path) -> None:
    async with serving(tmp_path, reply(TIDES)) as (gateway, server, provider):
        asked = prompt("Perform a web search for the query: tides", tools=[SEARCH], stream=False, max_tokens=0)
        response = await ask(gateway.base_url, "POST", "/v1/messages", asked)
        server.check()

    assert response.json["content"] == []
    assert provider.queries == []


async def failed_after_a_search(folder: Path, answer: Answer) -> Verdict:
    async with serving(folder, reply(TIDES), answer) as (gateway, _, _):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=[SEARCH]))
    return judge(response.body)


async def test_a_server_that_refuses_what_was_found_fails_the_message(tmp_path: Path) -> None:
    verdict = await failed_after_a_search(tmp_path, refuse(400, "no such thing"))

    assert verdict.outcome == "failed"
    assert [block.kind for block in verdict.blocks] == [USE, RESULT]
    assert verdict.error is not None
    assert "no such thing" in verdict.error[1]


async def test_a_reply_that_breaks_off_after_a_call_that_was_requested_again_is_not_whole(tmp_path: Path) -> None:
    invalid = reply(call("web_search", words="x"), finish("stop"))
    async with serving(tmp_path, invalid, TELLS, reply(say("At 14"), Stop()), refuse(400, "no")) as (gateway, _, _):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=[SEARCH]))

    assert judge(response.body).outcome == "failed"


async def test_a_reply_that_takes_the_place_of_an_endless_one_has_its_own_searches(tmp_path: Path) -> None:
    endless = reply(TIDES, call("look", at="abc " * 40_000))
    async with serving(tmp_path, endless, reply(TIDES), TELLS) as (gateway, server, provider):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt(tools=[SEARCH, LOOK], max_tokens=64_000))
        server.check()

    assert told(response.body, is_streamed=True) == ([USE, RESULT, TEXT], "end_turn")
    assert provider.queries == ["tides"]


async def test_a_client_that_leaves_during_a_search_ends_it(tmp_path: Path) -> None:
    async with serving(tmp_path, reply(TIDES), TELLS) as (gateway, server, provider):
        provider.answers.clear()
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", prompt(tools=[SEARCH])))
            await asyncio.wait_for(provider.asked.wait(), 10)
        record = await gateway.recorded(1)
        provider.answers.set()

    assert record["outcome"] == "client_left"
    assert len(server.requests) == 1
