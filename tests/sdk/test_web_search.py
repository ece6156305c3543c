"""Searches that the gateway runs, as the official SDK gets them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anthropic.types import (
    CitationsWebSearchResultLocation,
    Message,
    MessageParam,
    ServerToolUseBlock,
    TextBlock,
    ToolParam,
    ToolUnionParam,
    ToolUseBlock,
    WebSearchResultBlock,
    WebSearchTool20250305Param,
    WebSearchToolResultBlock,
    WebSearchToolResultError,
)
from msgspec.structs import replace
from tests.parts.chat_reply import Usage, call, reply, say
from tests.parts.chat_script import Script, always, in_turn, one_by_one
from tests.parts.json_at import at
from tests.parts.searxng import Found, SearxngServer, page, searxng
from tests.sdk.clients import HELLO, MODEL, NO_RETRIES, SdkSetup, sdk_setup

from anyclaude.exchange.tool_rounds import MAX_ROUNDS
from anyclaude.web.options import WebOptions

SEARCH: WebSearchTool20250305Param = {"type": "web_search_20250305", "name": "web_search"}
LOOK: ToolParam = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
TIDES = (page("https://tides.example/today", "Tides today", "High water is at 14:20."),)
QUESTION: list[MessageParam] = [{"role": "user", "content": "When is high water?"}]
ASKS = reply(say("I will look it up."), call("web_search", query="high water today"))
TELLS = reply(say("High water is at 14:20."))


@asynccontextmanager
async def searching(
    folder: Path, script: Script, found: Found = TIDES
) -> AsyncIterator[tuple[SdkSetup, SearxngServer]]:
    async with searxng(found) as provider:
        options = replace(NO_RETRIES, web=WebOptions(search=provider.base_url))
        async with sdk_setup(folder, script, options=options) as setup:
            yield setup, provider


async def answer(
    setup: SdkSetup, *tools: ToolUnionParam, messages: list[MessageParam] = QUESTION, is_streamed: bool = True
) -> Message:
    if not is_streamed:
        return await setup.client.messages.create(model=MODEL, max_tokens=99, messages=messages, tools=tools)
    async with setup.client.messages.stream(model=MODEL, max_tokens=99, messages=messages, tools=tools) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_the_model_asks_and_answers_from_what_was_found(tmp_path: Path, is_streamed: bool) -> None:
    async with searching(tmp_path, in_turn(ASKS, TELLS)) as (setup, provider):
        message = await answer(setup, SEARCH, is_streamed=is_streamed)
        asked, told = setup.server.requests

    before, use, result, after = message.content
    assert isinstance(before, TextBlock)
    assert isinstance(use, ServerToolUseBlock)
    assert isinstance(result, WebSearchToolResultBlock)
    assert isinstance(after, TextBlock)
    assert (before.text, after.text) == ("I will look it up.", "High water is at 14:20.")
    assert (use.name, use.input, result.tool_use_id) == ("web_search", {"query": "high water today"}, use.id)
    (hit,) = result.content if isinstance(result.content, list) else []
    assert isinstance(hit, WebSearchResultBlock)
    assert (hit.url, hit.title) == ("https://tides.example/today", "Tides today")
    assert message.stop_reason == "end_turn"
    assert message.usage.server_tool_use is not None
    assert message.usage.server_tool_use.web_search_requests == 1
    assert provider.queries == ["high water today"]
    assert asked.tool_names == told.tool_names == ("web_search",)
    assert "High water is at 14:20." in told.tool_results[0].text


async def test_the_next_turn_extends_the_prompt_of_the_search(tmp_path: Path) -> None:
    thanks = reply(say("You are welcome."))
    async with searching(tmp_path, one_by_one(ASKS, TELLS, thanks)) as (setup, _):
        first = await answer(setup, SEARCH)
        said: list[MessageParam] = [*QUESTION, {"role": "assistant", "content": first.content}]
        await answer(setup, SEARCH, messages=[*said, {"role": "user", "content": "Thanks!"}])
        _, told, thanked = setup.server.requests

    assert thanked.messages[: len(told.messages)] == told.messages
    assert [message.role for message in thanked.messages[len(told.messages) :]] == ["assistant", "user"]


async def test_usage_adds_up_and_the_input_is_the_size_of_the_conversation(tmp_path: Path) -> None:
    script = in_turn(
        reply(call("web_search", query="tides"), usage=Usage(100, 7, 20)), reply(say("Now."), usage=Usage(160, 5, 90))
    )
    async with searching(tmp_path, script) as (setup, _):
        message = await answer(setup, SEARCH)
        record = await setup.gateway.recorded(1)

    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (70, 90, 12)
    assert isinstance(record["usage"], dict)
    assert [record["usage"][name] for name in ("input_tokens", "cached_tokens", "output_tokens")] == [160, 90, 12]


async def test_a_client_tool_called_with_a_search_ends_the_turn_after_it(tmp_path: Path) -> None:
    both = reply(call("look", at="the sea"), call("web_search", query="high water"))
    script = one_by_one(both, reply(say("It is high.")))
    async with searching(tmp_path, script) as (setup, provider):
        message = await answer(setup, SEARCH, LOOK)
        look, use, result = message.content
        assert isinstance(look, ToolUseBlock)
        assert isinstance(use, ServerToolUseBlock)
        assert isinstance(result, WebSearchToolResultBlock)
        assert (message.stop_reason, look.name) == ("tool_use", "look")
        seen: MessageParam = {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": look.id, "content": "Waves."}],
        }
        last = await answer(
            setup, SEARCH, LOOK, messages=[*QUESTION, {"role": "assistant", "content": message.content}, seen]
        )
        results = [message.text for message in setup.server.requests[-1].tool_results]

    assert [block.type for block in last.content] == ["text"]
    assert len(results) == 2
    assert results[0] == "Waves."
    assert "14:20" in results[1]
    assert provider.queries == ["high water"]


async def test_only_client_tools_are_called(tmp_path: Path) -> None:
    async with searching(tmp_path, always(reply(call("look", at="the sea")))) as (setup, provider):
        message = await answer(setup, SEARCH, LOOK)

    assert [block.type for block in message.content] == ["tool_use"]
    assert message.stop_reason == "tool_use"
    assert not provider.queries


async def test_searches_of_one_reply_are_run_together(tmp_path: Path) -> None:
    asks = reply(call("web_search", query="tides"), call("web_search", query="moon"))
    async with searching(tmp_path, in_turn(asks, TELLS)) as (setup, provider):
        message = await answer(setup, SEARCH)
        results = setup.server.requests[-1].tool_results

    kinds = [block.type for block in message.content]
    assert kinds == ["server_tool_use"] * 2 + ["web_search_tool_result"] * 2 + ["text"]
    assert sorted(provider.queries) == ["moon", "tides"]
    assert len(results) == 2


async def test_more_searches_than_allowed_get_the_error_of_the_protocol(tmp_path: Path) -> None:
    again = reply(call("web_search", query="low water"))
    async with searching(tmp_path, in_turn(ASKS, again, TELLS)) as (setup, provider):
        message = await answer(setup, {**SEARCH, "max_uses": 1})

    results = [block for block in message.content if isinstance(block, WebSearchToolResultBlock)]
    assert isinstance(results[1].content, WebSearchToolResultError)
    assert results[1].content.error_code == "max_uses_exceeded"
    assert provider.queries == ["high water today"]
    assert message.usage.server_tool_use is not None
    assert message.usage.server_tool_use.web_search_requests == 1


async def test_the_same_search_again_is_not_sent_again(tmp_path: Path) -> None:
    async with searching(tmp_path, in_turn(ASKS, ASKS, TELLS)) as (setup, provider):
        message = await answer(setup, SEARCH)

    assert provider.queries == ["high water today"]
    assert [block.type for block in message.content].count("web_search_tool_result") == 2


async def test_a_model_that_never_stops_searching_pauses_and_goes_on(tmp_path: Path) -> None:
    async with searching(tmp_path, always(ASKS)) as (setup, _):
        message = await answer(setup, SEARCH)
        count = len(setup.server.requests)
        goes_on = await answer(setup, SEARCH, messages=[*QUESTION, {"role": "assistant", "content": message.content}])

    assert (message.stop_reason, count) == ("pause_turn", MAX_ROUNDS)
    assert goes_on.stop_reason == "pause_turn"


async def test_a_provider_that_fails_is_an_error_and_no_invention(tmp_path: Path) -> None:
    async with searching(tmp_path, in_turn(ASKS, reply(say("I could not search.")))) as (setup, provider):
        provider.status = 500
        message = await answer(setup, SEARCH)
        (result,) = setup.server.requests[-1].tool_results
        record = await setup.gateway.recorded(1)

    (block,) = [block for block in message.content if isinstance(block, WebSearchToolResultBlock)]
    assert isinstance(block.content, WebSearchToolResultError)
    assert block.content.error_code == "unavailable"
    assert "Nothing may be taken for its result" in result.text
    assert at(record, "tool_runs", 0, "error") == "unavailable"


async def test_a_forced_search_is_forced_once(tmp_path: Path) -> None:
    async with searching(tmp_path, in_turn(ASKS, TELLS)) as (setup, _):
        await setup.client.messages.create(
            model=MODEL, max_tokens=99, messages=QUESTION, tools=[SEARCH], tool_choice={"type": "any"}
        )
        asked, told = setup.server.requests

    assert asked.raw != told.raw
    assert told.raw.get("tool_choice") in (None, "auto")
    assert "response_format" not in told.raw


async def test_the_search_of_claude_code_is_run_before_the_model_is_asked(tmp_path: Path) -> None:
    words = "Perform a web search for the query: high water"
    async with searching(tmp_path, always(TELLS)) as (setup, provider):
        message = await answer(setup, SEARCH, messages=[{"role": "user", "content": words}])
        (told,) = setup.server.requests

    assert [block.type for block in message.content] == ["server_tool_use", "web_search_tool_result", "text"]
    assert provider.queries == ["high water"]
    assert "14:20" in told.tool_results[0].text


async def test_no_request_without_the_tool_is_searched(tmp_path: Path) -> None:
    async with searching(tmp_path, always(TELLS)) as (setup, provider):
        message = await answer(setup, LOOK, messages=HELLO)

    assert [block.type for block in message.content] == ["text"]
    assert not provider.queries


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_what_was_found_is_cited_and_the_next_turn_extends_the_prompt(tmp_path: Path, is_streamed: bool) -> None:
    fact = "High water in Hamburg harbour is at 14:20 today."
    found = (page("https://tides.example/today", "Tides today", f"Welcome. {fact}"),)
    script = one_by_one(ASKS, reply(say(f"I looked. {fact} Good luck!")), reply(say("You are welcome.")))
    async with searching(tmp_path, script, found) as (setup, _):
        message = await answer(setup, SEARCH, is_streamed=is_streamed)
        said: list[MessageParam] = [*QUESTION, {"role": "assistant", "content": message.content}]
        await answer(setup, SEARCH, messages=[*said, {"role": "user", "content": "Thanks!"}])
        thanked = setup.server.requests[-1]

    cited = message.content[-2]
    assert isinstance(cited, TextBlock)
    assert cited.text == f"{fact} "
    assert cited.citations is not None
    (citation,) = cited.citations
    assert isinstance(citation, CitationsWebSearchResultLocation)
    assert (citation.url, citation.title, citation.cited_text) == ("https://tides.example/today", "Tides today", fact)
    assert thanked.messages[-2].text == f"I looked. {fact} Good luck!"
