"""Whatever a server refuses, a session works, and its prompts keep their prefix once the server is known."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.prefix_contract import prompt_of
from tests.parts.refusing_backend import REFUSALS, RefusingBackend

from anyclaude.backends import CircuitBreaker
from anyclaude.dialects import dialect_named
from anyclaude.protocol.content import TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice, Turn
from anyclaude.scheduling import Admission, BackendRequest, Dispatcher, FollowedServer, Progress, Upstream
from anyclaude.timeouts import Timeouts

TOOLS = (
    Tool(
        name="mcp__a_server_with_a_long_name__a_tool_with_a_long_name",
        description="Reads a file. " * 120,
        input_schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"path": {"type": "string", "pattern": "^/"}},
            "additionalProperties": False,
        },
    ),
)
REQUEST = MessagesRequest(
    model="m",
    max_tokens=32_000,
    system="Be brief.",
    messages=(),
    tools=TOOLS,
    temperature=0.7,
    top_p=0.9,
    top_k=40,
    stop_sequences=("a", "b"),
    thinking={"type": "enabled", "budget_tokens": 1024},
    output_config={"effort": "high"},
)
PROFILE_WITH_ALL = {
    "accepts_top_k": True,
    "accepts_reasoning_effort": True,
    "conversation_field": "session_id",
    "thinking_switch": "enable_thinking",
    "mid_conversation_system": "system_message",
}
TURNS = (
    Turn("user", "Read it."),
    Turn(
        "assistant",
        (
            ThinkingBlock("I should.", "s"),
            ToolUseBlock("t1", TOOLS[0].name, {"path": "/a"}),
            ToolUseBlock("t2", TOOLS[0].name, {"path": "/b"}),
        ),
    ),
    Turn(
        "user",
        (
            ToolResultBlock("t1", "the file"),
            ToolResultBlock("t2", "the other"),
            TextBlock("<system-reminder>be brief</system-reminder>"),
        ),
    ),
    Turn("assistant", "It says hello."),
    Turn("user", "Thanks."),
    Turn("system", "A late rule."),
    Turn("assistant", "Welcome."),
    Turn("user", "And now?"),
)
LENGTHS = (1, 3, 6, 8)
"""The turns of the requests of one session."""

CHOICES = (
    None,
    ToolChoice("auto", disable_parallel_tool_use=True),
    ToolChoice("any"),
    ToolChoice("tool", TOOLS[0].name),
)


class Session:
    """A conversation with a server that refuses some things."""

    def __init__(self, refused: Sequence[str], parallel_requests: int = 1) -> None:
        target = target_at("http://fake/v1", "generic")
        target = replace(target, profile=replace(target.profile, **PROFILE_WITH_ALL))
        self.server = RefusingBackend(target, refused)
        admission = Admission(parallel_requests, 0)
        self.upstream = Upstream(
            FollowedServer(self.server), dialect_named("openai_chat"), CircuitBreaker(lambda: 0.0), admission
        )
        self.dispatcher = Dispatcher([self.upstream], Timeouts(), lambda: 0.0)

    async def send(self, request: MessagesRequest) -> Progress:
        """Send one request, which must be accepted in the end."""
        progress = Progress()
        opened = await self.dispatcher.open(self.dispatcher.prepare(BackendRequest(request, "conversation")), progress)
        await opened.aclose()
        return progress


@settings(deadline=None)
@given(st.sets(st.sampled_from(sorted(REFUSALS))).map(sorted), st.sampled_from(CHOICES))
def test_a_session_works_whatever_the_server_refuses(refused: list[str], choice: ToolChoice | None) -> None:
    async def session() -> None:
        played = Session(refused)
        for length in LENGTHS:
            await played.send(replace(REQUEST, messages=TURNS[:length], tool_choice=choice))
        assert played.server.refusals <= len(refused) + 4

        played.server.accepted.clear()
        for length in LENGTHS:  # what was learned holds from the first turn of the next session on
            progress = await played.send(replace(REQUEST, messages=TURNS[:length]))
            assert progress.attempts == 1
        prompts = [prompt_of(body) for body in played.server.accepted]
        assert all(later.startswith(earlier) for earlier, later in pairwise(prompts))

    asyncio.run(session())


@settings(deadline=None)
@given(st.sets(st.sampled_from(sorted(REFUSALS))).map(sorted))
def test_a_prefill_is_understood_whatever_the_server_refuses(refused: list[str]) -> None:
    async def session() -> None:
        played = Session(refused)
        await played.send(replace(REQUEST, messages=(Turn("user", "Answer in JSON."), Turn("assistant", "{"))))
        assert played.server.accepted

    asyncio.run(session())


def test_requests_that_are_refused_at_once_all_learn_and_none_fails() -> None:
    async def session() -> None:
        refused = ["top_k", "system role", "many tokens", "null content"]
        played = Session(refused, parallel_requests=20)
        await asyncio.gather(*(played.send(replace(REQUEST, messages=TURNS[:3])) for _ in range(20)))

        assert len(played.server.accepted) == 20
        learned = [learned.amendment.quirk for learned in played.upstream.learned.all()]
        assert sorted(learned) == ["empty_content", "field_ranges", "omitted_fields", "system_prompt"]

    asyncio.run(session())
