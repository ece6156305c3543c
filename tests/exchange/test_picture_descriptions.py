"""Descriptions: asked for once, kept, and given up for a conversation in which one has failed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.upstreams import upstream_of

from anyclaude.backends import BackendReply, BackendTarget
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendUnreachable
from anyclaude.exchange.picture_descriptions import INSTRUCTION, MAX_TOKENS, PictureDescriptions
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.content import Base64Source, ImageBlock
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling import Dispatcher
from anyclaude.timeouts import Timeouts

TARGET = replace(target_at("http://fake/v1"), models={"vision": "eyes"})
PICTURE = ImageBlock(Base64Source("image/png", "aaaa"))
SQUARE = FakeReply(chunks=(b'data: {"choices": [{"delta": {"content": "A square."}}]}\n\n', b"data: [DONE]\n\n"))
DOWN = BackendUnreachable("refused")


class Endless(FakeBackend):
    """Tells when it is asked."""

    def __init__(self, target: BackendTarget, *script: FakeReply) -> None:
        super().__init__(target, *script)
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        self.asked.set()
        async with super().stream(request, within_seconds) as reply:
            yield reply


def request(opening: str = "Hello") -> MessagesRequest:
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", opening),))


def over(backend: FakeBackend) -> PictureDescriptions:
    dispatcher = Dispatcher([upstream_of(backend, 9)], Timeouts(retry_seconds=0.0), lambda: 0.0)
    return PictureDescriptions(dispatcher, MemoryBudget())


async def test_requests_with_the_same_picture_share_one_description() -> None:
    backend = FakeBackend(TARGET, SQUARE)
    descriptions = over(backend)

    first, second = await asyncio.gather(
        *(descriptions.describe(request(), {"key": PICTURE}, {}) for _ in range(2)),
    )
    third = await descriptions.describe(request("Another"), {"key": PICTURE}, {})

    assert (
        first == second == third == {"key": "[a description by the model eyes:]\nA square.\n[end of the description]"}
    )
    (asked,) = (json.loads(wire.body) for wire in backend.requests)
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("eyes", 0.0, MAX_TOKENS)
    assert asked["messages"][-1]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}},
        {"type": "text", "text": INSTRUCTION},
    ]


async def test_a_failure_lasts_for_its_conversation() -> None:
    backend = FakeBackend(TARGET, DOWN, SQUARE)
    descriptions = over(backend)

    assert await descriptions.describe(request(), {"key": PICTURE}, {}) == {}
    assert set(await descriptions.describe(request("Another"), {"key": PICTURE}, {})) == {"key"}
    assert await descriptions.describe(request(), {"key": PICTURE}, {}) == {}
    assert len(backend.requests) == 2


async def test_only_another_model_needs_one() -> None:
    assert over(FakeBackend(TARGET)).describes(request())
    assert not over(FakeBackend(TARGET)).describes(replace(request(), model="eyes"))
    assert not over(FakeBackend(target_at("http://fake/v1"))).describes(request())


async def test_what_runs_ends_with_the_gateway() -> None:
    backend = Endless(TARGET, FakeReply(chunks=(asyncio.Event(),)))
    descriptions = over(backend)
    waiting = asyncio.create_task(descriptions.describe(request(), {"key": PICTURE}, {}))
    await backend.asked.wait()

    await descriptions.close()

    assert backend.open_replies == 0
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
