"""The reply that the gateway gives in place of a model is a message like any other."""

import json

from tests.exchange.test_message_exchange import BODY, Setup
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at

from anyclaude.exchange import OwnReply
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.events import ServerToolUseContent, TextContent, WebSearchResultContent

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


async def test_its_call_its_result_and_its_text_are_whole_blocks_and_no_server_is_asked() -> None:
    setup = Setup(FakeBackend(target_at("http://fake/v1")))
    exchange, log = await setup.begin(json.dumps({**json.loads(BODY), "tools": [SEARCH]}))
    accumulator = Accumulator()
    async for batch in exchange.batches():
        accumulator.take(batch)
    end = setup.end(exchange, log)

    call, result, text = accumulator.message.content
    assert isinstance(exchange, OwnReply)
    assert call == ServerToolUseContent("srvtoolu_1", "web_search", {"query": "Hi"})
    assert isinstance(result, WebSearchResultContent)
    assert isinstance(text, TextContent)
    assert accumulator.message.stop_reason == "end_turn"
    assert setup.backend.requests == []
    assert end.record.outcome == "completed"
