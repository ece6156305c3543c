"""Which prompt an engine with one slot would take from another conversation, and that it is sent first."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.upstreams import upstream_of

from anyclaude.backends import BackendTarget
from anyclaude.errors import BackendError, BackendUnreachable
from anyclaude.protocol.content import ImageBlock, TextBlock, UrlSource
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.scheduling import BackendRequest, Dispatcher, Progress
from anyclaude.scheduling.kept_prompts import MAX_CHARACTERS, MAX_KEPT, KeptPrompts, share_in_common
from anyclaude.timeouts import Timeouts

SHARED, OWN = Tool("Read", "x" * 3_600), Tool("Agent", "y" * 900)
WORK = "w" * 600


def prompt(name: str, *work: str) -> MessagesRequest:
    """Return the prompt of a conversation; all begin with one tool, and sub-agents with their instructions too."""
    is_main = name == "main"
    tools, system = ((SHARED, OWN), "m" * 600) if is_main else ((SHARED,), "s" * 600)
    turns = (Turn("user", f"{name}: {'task ' * 10}"), *(Turn("assistant", text) for text in work))
    return MessagesRequest(model="m", max_tokens=9, messages=turns, tools=tools, system=system)


def lent(sequence: Iterable[str]) -> list[tuple[str, str]]:
    """Return who sends and whose prompt is sent before, for conversations that have grown at each of their turns."""
    kept, found = KeptPrompts(), []
    turns: dict[str, int] = {}
    for name in sequence:
        request = prompt(name, *[WORK] * turns.get(name, 0))
        if (lender := kept.lender(name, request)) is not None:
            found.append((name, lender.conversation))
            kept.sent(lender.conversation, lender.request)
        kept.sent(name, request)
        turns[name] = turns.get(name, 0) + 1
    return found


def test_of_two_sub_agents_that_take_turns_with_the_main_conversation_each_comes_to_its_own_prompt_once() -> None:
    """The second takes the first's beginning, which is nearly all of it; the first has another one made."""
    assert lent(["main", "a", "main", "b", *["main", "a", "main", "b"] * 5]) == [("a", "b")]


def test_the_prompt_of_the_main_conversation_is_not_taken_by_what_begins_like_it() -> None:
    assert lent(["main", "search of another kind", "a", "main"]) == []
    assert lent(["main", "a", "main", "main", "a", "main"]) == []


@pytest.mark.parametrize(
    "sequence",
    [["a"], ["a", "a", "a"], ["a", "b", "a", "b"], ["main", "a", "main", "a"], ["a", "main", "b"]],
    ids=["one", "one alone", "without another between", "one sub-agent", "nearly the same"],
)
def test_otherwise_nothing_is_sent_before(sequence: list[str]) -> None:
    assert lent(sequence) == []


def test_what_begins_most_alike_is_lent() -> None:
    kept, beginning = KeptPrompts(), "a's work " * 60
    kept.sent("a", prompt("a", beginning))
    kept.sent("b", prompt("b", WORK * 3))
    kept.sent("main", prompt("main"))

    lender = kept.lender("c", prompt("a", beginning, WORK * 3))

    assert lender is not None
    assert lender.conversation == "a"


@given(st.lists(st.sampled_from(["main", "a", "b", "c"]), max_size=30))
def test_a_conversation_that_keeps_its_prompt_needs_none(sequence: list[str]) -> None:
    """Every conversation is lent a prompt at most as often as it can have lost its own: once for each other one."""
    borrowed = lent(sequence)

    assert all(name != lender for name, lender in borrowed)
    assert len(borrowed) <= 3 * 3


@pytest.mark.parametrize("is_long", [True, False], ids=["a long prompt", "images"])
def test_what_is_too_large_to_be_kept_is_not_followed(is_long: bool) -> None:
    kept, request = KeptPrompts(), prompt("a", "x" * MAX_CHARACTERS if is_long else WORK)
    kept.sent("a", request if is_long else replace(request, detached={"mark": (b"data",)}))
    kept.sent("main", prompt("main"))

    assert len(kept._kept) == 0
    assert kept.lender("b", prompt("b", WORK)) is None


def test_the_number_of_conversations_is_bounded() -> None:
    kept = KeptPrompts()
    for number in range(2 * MAX_KEPT):
        kept.sent(f"sub-agent {number}", prompt(str(number) * 9, str(number) * 2_000))

    assert len(kept._kept) == MAX_KEPT


def test_tools_come_before_instructions_and_messages() -> None:
    base = MessagesRequest(model="m", max_tokens=9, messages=(Turn("user", "ab"),), tools=(SHARED,), system="cd")
    image = Turn("user", (TextBlock("a"), ImageBlock(UrlSource("https://example.org/a.png"))))

    assert share_in_common(base, base) == 1
    assert share_in_common(replace(base, tools=(OWN,)), base) == 0
    assert share_in_common(base, replace(base, messages=(Turn("user", "ac"),))) > share_in_common(
        base, replace(base, system="ce")
    )
    assert share_in_common(replace(base, tools=(SHARED, OWN)), base) < share_in_common(
        base, replace(base, messages=(image,))
    )


EMBEDDED = target_at("http://fake/v1", "embedded", 1)


def reply(cached: int = 1_000, evaluated: int = 1) -> FakeReply:
    counts = {"usage": {"prompt_tokens": cached + evaluated}, "timings": {"cache_n": cached, "prompt_n": evaluated}}
    chunks = ({"choices": [{"delta": {"content": "H"}, "finish_reason": "length"}]}, {"choices": [], **counts})
    return FakeReply(chunks=(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"))


async def asked(target: BackendTarget, *script: FakeReply | BackendError) -> list[tuple[str, int]]:
    """Let two sub-agents take turns with the main one; return the first message and the limit of each request."""
    backend = FakeBackend(target, *script)
    upstream = upstream_of(backend)
    dispatcher = Dispatcher([upstream], Timeouts(retry_seconds=0.0), lambda: 0.0)
    turns: dict[str, int] = {}
    for name in ("main", "a", "main", "b", "main", "a", "main", "b", "main", "a"):
        request = BackendRequest(prompt(name, *[WORK] * turns.get(name, 0)), name)
        turns[name] = turns.get(name, 0) + 1
        opened = await dispatcher.open(upstream.prepare(request), Progress())
        while not opened.reader.is_over:
            await opened.reader.read(1.0)
        await opened.aclose()
    bodies = [json.loads(sent.body) for sent in backend.requests]
    return [(str(body["messages"][1]["content"]).partition(":")[0], body["max_tokens"]) for body in bodies]


async def test_the_prompt_that_would_be_taken_is_evaluated_once_more_before() -> None:
    sent = await asked(EMBEDDED, *[reply()] * 11)

    assert sent == [
        *[("main", 9), ("a", 9), ("main", 9), ("b", 9), ("main", 9)],
        ("b", 1),
        *[("a", 9), ("main", 9), ("b", 9), ("main", 9), ("a", 9)],
    ]


@pytest.mark.parametrize("answer", [reply(10, 990), BackendUnreachable("gone")], ids=["not kept", "unreachable"])
async def test_an_engine_that_has_not_kept_it_gets_no_such_request_again(answer: FakeReply | BackendError) -> None:
    sent = await asked(EMBEDDED, *[reply()] * 5, answer, *[reply()] * 5)

    assert [limit for _, limit in sent].count(1) == 1
    assert len(sent) == 11


@pytest.mark.parametrize(
    "target",
    [target_at("http://fake/v1", "llamacpp", 1), replace(EMBEDDED, parallel_requests=2)],
    ids=["another server", "several slots"],
)
async def test_other_servers_get_none(target: BackendTarget) -> None:
    assert all(limit == 9 for _, limit in await asked(target, *[reply()] * 10))
