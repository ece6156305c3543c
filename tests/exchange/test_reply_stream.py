"""One reply on its way to the client: its events, its continuation after a break, and the release of the backend."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from threading import Event, current_thread
from typing import Literal

import pytest
from msgspec.structs import replace
from tests.faults.expected_reply import Arguments, ExpectedReply, Text, Thinking, ToolCallStart
from tests.faults.sweep import blocks_of
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.referee import Verdict, judge
from tests.parts.upstreams import HELLO, upstream_of

from anyclaude.errors import (
    BackendError,
    BackendGarbled,
    BackendRejected,
    BackendTimeout,
    BackendTruncated,
    BackendUnreachable,
    PromptTooLong,
)
from anyclaude.exchange.reply_stream import DECIDED_BYTES, LONG_DELTA_BYTES, ReplyStream
from anyclaude.filters import CallNote, EndlessReply, FilterContext, FilterFactory, checked_calls, written_replies
from anyclaude.profiles import BackendName
from anyclaude.protocol.deltas import Delta, Finished, TextDelta
from anyclaude.protocol.events import StreamEvent, encode_event
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import Tool
from anyclaude.scheduling import BackendRequest, Dispatcher, Progress
from anyclaude.timeouts import Timeouts
from anyclaude.tool_schemas import call_schema
from anyclaude.worker_threads import in_daemon_thread

SEA = ExpectedReply((Text("The sea"), Text(" is a vast"), Text(" and mysterious"), Text(" realm.")))
CALL = ExpectedReply(
    (Thinking("Hm."), ToolCallStart(0, "Bash"), Arguments(0, '{"command":'), Arguments(0, '"ls"}')), "tool_calls"
)
BASH = Tool("Bash", "", {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]})
WITH_TOOLS = replace(HELLO, request=replace(HELLO.request, tools=(BASH,)))
CHECKS = (written_replies, checked_calls)
BROKEN = BackendTruncated("the backend broke the connection")


@dataclass
class Run:
    """One exchange with a scripted backend."""

    script: Sequence[FakeReply | BackendError]
    kind: BackendName = "llamacpp"
    events: list[StreamEvent] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    evicts_prompts: bool = False
    filters: Sequence[FilterFactory] = ()
    notes: list[CallNote] = field(default_factory=list)
    request: BackendRequest = WITH_TOOLS
    limit: int | None = None

    def __post_init__(self) -> None:
        clock = ManualClock()
        target = replace(target_at("http://fake/v1", self.kind), context_tokens=self.limit)
        self.backend = FakeBackend(target, *self.script)
        self.upstream = upstream_of(self.backend, waiting_limit=0, evicts_prompts=self.evicts_prompts)
        self.dispatcher = Dispatcher([self.upstream], Timeouts(), clock.seconds, clock.sleep)

    async def finish(self) -> Verdict:
        """Run the reply to its end, and return the verdict on its events; raise its error if it fails."""
        await self.until(10_000)
        return self.verdict

    @property
    def verdict(self) -> Verdict:
        """The referee's verdict on the events so far."""
        return judge(b"".join(map(encode_event, self.events)))

    async def until(self, count: int) -> None:
        """Take `count` batches, and stop, as a client that leaves."""
        ids = iter(range(100))
        stream = MessageStream("msg_1", "m", lambda: f"toolu_{next(ids)}")
        reply = ReplyStream(self.dispatcher, self.progress, stream, self.filters, self.notes.append)
        opened = await self.dispatcher.open(self.upstream.prepare(self.request), self.progress)
        self.events += stream.open()
        async with aclosing(reply.batches(opened)) as batches:
            async for events in batches:
                self.events += events
                count -= 1
                if count == 0:
                    return

    @property
    def is_idle(self) -> bool:
        """Whether no reply is open and no turn is held."""
        return self.backend.open_replies == 0 and self.upstream.admission.running == 0

    @property
    def last_messages(self) -> list[dict[str, object]]:
        """The messages of the last request."""
        messages: list[dict[str, object]] = json.loads(self.backend.requests[-1].body)["messages"]
        return messages


class ObservedEvent(asyncio.Event):
    """An event that also shows whether a task is waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_waited_for = asyncio.Event()

    async def wait(self) -> Literal[True]:
        """Set `is_waited_for`, and wait."""
        self.is_waited_for.set()
        return await super().wait()


def partial(expected: ExpectedReply, count: int, *then: BackendError | asyncio.Event) -> FakeReply:
    """Return a reply that sends the first `count` events, and then breaks off."""
    return FakeReply(chunks=[*expected.events()[:count], *then])


def whole(expected: ExpectedReply) -> FakeReply:
    return FakeReply(chunks=expected.events())


async def test_a_reply_that_breaks_off_in_its_text_is_continued() -> None:
    run = Run([partial(SEA, 3, BROKEN), whole(SEA.continuing("The sea"))])

    verdict = await run.finish()

    assert run.last_messages[-1] == {"role": "assistant", "content": "The sea"}
    assert blocks_of(verdict) == SEA.blocks()
    assert verdict.outcome == "whole"
    assert run.progress.continuations == 1
    assert run.is_idle


@pytest.mark.parametrize("count", range(1, len(CALL.parts) + 1))
async def test_a_reply_that_breaks_off_elsewhere_is_requested_again_and_joined(count: int) -> None:
    run = Run([partial(CALL, count, BROKEN), whole(CALL)])

    verdict = await run.finish()

    assert run.backend.requests[0] == run.backend.requests[1]
    assert blocks_of(verdict) == CALL.blocks()
    assert verdict.stop_reason == "tool_use"
    assert run.is_idle


async def test_a_server_that_cannot_continue_is_sent_the_same_request_again() -> None:
    run = Run([partial(SEA, 3, BROKEN), whole(SEA)], kind="ollama")

    assert blocks_of(await run.finish()) == SEA.blocks()
    assert run.backend.requests[0] == run.backend.requests[1]


@pytest.mark.parametrize(
    "second",
    [
        whole(ExpectedReply((Text("Something else altogether."),))),
        whole(SEA),
        partial(SEA.continuing("The sea"), 1),
        partial(SEA.continuing("The sea"), 1, BackendTimeout("silence")),
        FakeReply(chunks=[b'{"error":{"message":"not today"}}'], status=400),
        FakeReply(chunks=[b'data: {"error":{"message":"no","code":400}}\n\n']),
        FakeReply(chunks=[b"data: {}{\n\n"]),
    ],
    ids=["something else", "from the start", "truncated", "silent", "refused", "refused in its stream", "garbled"],
)
async def test_a_second_attempt_that_does_not_continue_the_reply_ends_it(second: FakeReply) -> None:
    run = Run([partial(SEA, 3, BROKEN), second, whole(SEA)])

    with pytest.raises((BackendTruncated, BackendTimeout, BackendGarbled)):
        await run.finish()
    assert run.verdict.outcome == "cut_short"
    assert SEA.blocks()[0][2].startswith(run.verdict.texts()[0])
    assert len(run.backend.requests) == 2
    assert run.is_idle


UNREADABLE = b'data: {"error":{"code":500,"message":"Failed to parse input at pos 12: </tool_call>"}}\n\n'


async def test_a_reply_that_the_server_stopped_parsing_is_continued() -> None:
    broken = FakeReply(chunks=[*SEA.events()[:3], UNREADABLE])
    run = Run([broken, whole(SEA.continuing("The sea"))])

    verdict = await run.finish()

    assert blocks_of(verdict) == SEA.blocks()
    assert verdict.outcome == "whole"
    assert run.is_idle


async def test_a_call_that_the_server_stopped_parsing_is_requested_again_and_joined() -> None:
    run = Run([FakeReply(chunks=[*CALL.events()[:3], UNREADABLE]), whole(CALL)])

    verdict = await run.finish()

    assert run.backend.requests[0] == run.backend.requests[1]
    assert blocks_of(verdict) == CALL.blocks()
    assert run.is_idle


async def test_a_second_reply_that_the_server_cannot_parse_ends_it() -> None:
    run = Run([FakeReply(chunks=[*SEA.events()[:3], UNREADABLE])] * 2 + [whole(SEA)])

    with pytest.raises(BackendTruncated, match="Failed to parse input at pos 12"):
        await run.finish()
    assert run.verdict.outcome == "cut_short"
    assert len(run.backend.requests) == 2
    assert run.is_idle


async def test_a_server_that_cannot_parse_what_follows_the_end_does_not_matter() -> None:
    run = Run([FakeReply(chunks=[*SEA.events()[: len(SEA.parts) + 1], UNREADABLE])])

    assert blocks_of(await run.finish()) == SEA.blocks()
    assert len(run.backend.requests) == 1


async def test_another_error_in_mid_reply_ends_it() -> None:
    crash = b'data: {"error":{"code":500,"message":"model runner crashed"}}\n\n'
    run = Run([FakeReply(chunks=[*SEA.events()[:3], crash]), whole(SEA)])

    with pytest.raises(BackendRejected, match="model runner crashed"):
        await run.finish()
    assert len(run.backend.requests) == 1
    assert run.is_idle


def counted(parts: tuple[Text | Thinking | ToolCallStart, ...], tokens: int | None, finish: str = "stop") -> FakeReply:
    """Return a finished reply to a prompt of `tokens` tokens."""
    events = ExpectedReply(parts, finish, done=False, reports_usage=False).events()
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":%d}}\n\n' % tokens if tokens is not None else b""
    return FakeReply(chunks=[*events, usage + b"data: [DONE]\n\n"])


LONG = replace(WITH_TOOLS, characters=150_000)


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        (counted((Text("Hello! How can I help?"),), 2_048), None),
        (counted((Text("Hello! How can I help?"),), 36_000), 32_768),
        (counted((), 36_000), 32_768),
        (counted((), None), 32_768),
        (counted((Text("\n"),), None), 32_768),
        (counted((), 32_768, "length"), 32_768),
    ],
    ids=["cut to half", "beyond the window", "empty, beyond", "empty, uncounted", "blank, uncounted", "empty, full"],
)
async def test_a_reply_to_a_part_of_the_prompt_does_not_end_the_message(reply: FakeReply, limit: int | None) -> None:
    run = Run([reply], kind="generic", request=LONG, limit=limit)

    with pytest.raises(PromptTooLong):
        await run.finish()
    assert run.verdict.outcome == "cut_short"
    assert run.is_idle


@pytest.mark.parametrize(
    "reply",
    [
        counted((), 30_000),
        counted((Text("Yes"),), None),
        counted((Thinking("Hm."),), None),
        counted((ToolCallStart(0, "Bash"),), None, "tool_calls"),
        counted((Text("Yes"),), 40_000),
    ],
    ids=["empty", "text", "thinking", "call", "counted"],
)
async def test_a_reply_to_the_whole_prompt_ends_the_message(reply: FakeReply) -> None:
    run = Run([reply], kind="generic", request=LONG, limit=40_000)

    assert (await run.finish()).outcome == "whole"


async def test_a_call_that_a_filter_holds_back_is_no_empty_reply() -> None:
    run = Run(
        [counted((ToolCallStart(0, "Bash"),), None, "tool_calls")],
        filters=CHECKS,
        kind="generic",
        request=LONG,
        limit=32_768,
    )

    assert (await run.finish()).outcome == "whole"


async def test_a_backend_that_stays_unreachable_ends_the_reply() -> None:
    run = Run([partial(SEA, 3, BROKEN), *[BackendUnreachable("refused")] * 50])

    with pytest.raises(BackendError):
        await run.finish()
    assert run.verdict.texts() == ["The sea is a vast and mysterious"]
    assert run.is_idle


@pytest.mark.parametrize("error", [BROKEN, BackendTimeout("silence")], ids=["truncated", "silent"])
async def test_a_connection_that_breaks_after_the_finish_reason_does_not_matter(error: BackendError) -> None:
    run = Run([partial(SEA, len(SEA.parts) + 1, error)])

    verdict = await run.finish()

    assert verdict.outcome == "whole"
    assert len(run.backend.requests) == 1
    assert run.is_idle


@pytest.mark.parametrize("batches", range(1, 7))
async def test_a_client_that_leaves_at_any_point_leaves_nothing_open(batches: int) -> None:
    run = Run([partial(SEA, 3, BROKEN), whole(SEA.continuing("The sea"))])

    await run.until(batches)

    assert run.is_idle


async def test_cancelling_the_second_attempt_leaves_nothing_open() -> None:
    never = ObservedEvent()
    run = Run([partial(SEA, 3, BROKEN), FakeReply(chunks=[SEA.continuing("The sea").events()[0], never])])
    task = asyncio.create_task(run.finish())
    await never.is_waited_for.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert run.is_idle


@pytest.mark.parametrize(("expected", "held"), [(CALL, 1), (SEA, 0)])
async def test_the_turn_is_held_for_a_conversation_whose_reply_called_a_tool(
    expected: ExpectedReply, held: int
) -> None:
    run = Run([whole(expected)], evicts_prompts=True)
    await run.finish()

    assert run.is_idle
    assert run.upstream.admission.held == held


async def test_no_turn_is_held_if_the_client_has_left() -> None:
    run = Run([whole(CALL)], evicts_prompts=True)
    await run.until(2)

    assert run.is_idle
    assert run.upstream.admission.held == 0


async def test_a_filter_that_cannot_be_made_releases_the_backend() -> None:
    def broken(context: FilterContext) -> None:
        raise RuntimeError("a defect")

    run = Run([whole(SEA)], filters=[broken])
    with pytest.raises(RuntimeError):
        await run.finish()

    assert (run.backend.open_replies, run.upstream.admission.running) == (0, 0)


COUNTS = b'data: {"choices":[],"usage":{"prompt_tokens":12}}\n\n'
LOST_CALL = b'data: {"choices":[{"delta":{"content":""},"finish_reason":"tool_calls"}]}\n\n'


@pytest.mark.parametrize("before", [(), (COUNTS,)])
async def test_an_end_for_a_call_that_is_not_there_is_requested_again_if_nothing_was_delivered(
    before: tuple[bytes, ...],
) -> None:
    run = Run([FakeReply(chunks=(*before, LOST_CALL)), whole(CALL)])

    verdict = await run.finish()

    assert blocks_of(verdict) == CALL.blocks()
    assert verdict.stop_reason == "tool_use"
    assert len(run.backend.requests) == 2
    assert run.is_idle


async def test_an_end_for_a_call_that_is_not_there_fails_the_reply_if_text_was_delivered() -> None:
    run = Run([FakeReply(chunks=[*SEA.events()[: len(SEA.parts)], LOST_CALL])])

    with pytest.raises(BackendTruncated, match="a tool call that is not in it"):
        await run.finish()

    assert run.is_idle


async def test_an_end_for_a_call_is_accepted_if_a_filter_finds_the_call_in_the_text() -> None:
    text = Text('{"name":"Bash","arguments":{"command":"ls"}}')
    run = Run([whole(ExpectedReply((text,), "tool_calls"))], filters=(written_replies,))

    verdict = await run.finish()

    assert verdict.tool_inputs() == [("Bash", '{"command":"ls"}')]
    assert verdict.stop_reason == "tool_use"


async def test_a_reply_into_which_an_earlier_one_is_written_is_continued_by_another_request() -> None:
    def stamped(reply: ExpectedReply, reply_id: str) -> list[bytes]:
        return [event.replace(b'data: {"', b'data: {"id": "%s", "' % reply_id.encode(), 1) for event in reply.events()]

    other = ExpectedReply((Text("Another answer"),))
    run = Run([FakeReply(chunks=[*stamped(SEA, "2")[:3], *stamped(other, "1")]), whole(SEA.continuing("The sea"))])
    run.upstream.earlier_replies.add("1")

    verdict = await run.finish()

    assert blocks_of(verdict) == SEA.blocks()
    assert verdict.outcome == "whole"
    assert run.is_idle


class EndsAt:
    """A filter that ends the reply before a text."""

    def __init__(self, text: str, context: FilterContext) -> None:
        self._text = text
        self._end = context.end

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas, or the end in place of the text."""
        if TextDelta(self._text) not in deltas:
            return list(deltas)
        self._end(EndlessReply("text", 1, 1))
        return [TextDelta("!"), Finished("end_turn")]

    def finish(self) -> list[Delta]:
        """Return nothing."""
        return []


async def test_a_reply_that_a_filter_has_ended_is_not_read_on() -> None:
    run = Run([partial(SEA, 3, asyncio.Event())], filters=[lambda context: EndsAt(" is a vast", context)])

    verdict = await run.finish()

    assert (verdict.outcome, verdict.stop_reason) == ("whole", "end_turn")
    assert verdict.texts() == ["The sea!"]
    assert run.is_idle


class PatientFilter:
    """Waits until others have run."""

    def __init__(self, begun: Event, may_go_on: Event) -> None:
        self._begun = begun
        self._may_go_on = may_go_on

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas."""
        self._begun.set()
        assert self._may_go_on.wait(10)
        return list(deltas)

    def finish(self) -> list[Delta]:
        """Return nothing."""
        return []


async def test_others_run_while_a_large_delta_is_filtered() -> None:
    long = ExpectedReply((Text("word " * LONG_DELTA_BYTES),))
    begun, may_go_on = Event(), Event()
    run = Run([whole(long)], filters=(lambda context: PatientFilter(begun, may_go_on),))

    finished = asyncio.create_task(run.finish())
    await in_daemon_thread(begun.wait)
    may_go_on.set()

    assert (await finished).blocks[0].text == "word " * LONG_DELTA_BYTES


class HoldingFilter:
    """Holds text back up to a bracket, and remembers which deltas it took in the event loop."""

    def __init__(self) -> None:
        self._loop_thread = current_thread()
        self._held: list[Delta] = []
        self.in_loop: list[bool] = []

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return what was held back if a bracket has come."""
        self._held += deltas
        self.in_loop.append(current_thread() is self._loop_thread)
        return self.finish() if any(isinstance(it, TextDelta) and "}" in it.text for it in deltas) else []

    def finish(self) -> list[Delta]:
        """Return what was held back."""
        held, self._held = self._held, []
        return held


async def test_the_end_of_what_was_held_back_is_read_in_a_thread_and_the_pieces_before_it_in_the_loop() -> None:
    pieces = ["word " * 20] * (DECIDED_BYTES // 100)
    holding = HoldingFilter()
    run = Run([whole(ExpectedReply(tuple(map(Text, (*pieces, "}", "after")))))], filters=(lambda context: holding,))

    await run.finish()

    end = len(pieces)
    assert holding.in_loop[: end + 1] == [True] * end + [False]
    assert holding.in_loop[end + 1]


async def test_a_continuation_that_a_filter_has_ended_is_not_read_on() -> None:
    continued = partial(SEA.continuing("The sea"), 3, asyncio.Event())
    run = Run([partial(SEA, 3, BROKEN), continued], filters=[lambda context: EndsAt(" realm.", context)])

    verdict = await run.finish()

    assert (verdict.outcome, verdict.stop_reason) == ("whole", "end_turn")
    assert verdict.texts() == ["The sea is a vast and mysterious!"]
    assert run.is_idle


INVALID = ExpectedReply((Text("Now: "), ToolCallStart(0, "Bash"), Arguments(0, "{}")), "tool_calls")
WRITTEN = ExpectedReply((Text('Now: \n{"name":"Bash",'), Text('"arguments":{}}\n')))
CONSTRAINED = ExpectedReply((Text('{"name":"Bash","arguments":{"command":"ls"}}'),))


async def test_an_invalid_call_is_requested_again_and_the_text_before_it_is_kept() -> None:
    run = Run([whole(INVALID), whole(CONSTRAINED)], filters=CHECKS)

    verdict = await run.finish()

    assert [block[2] for block in blocks_of(verdict)] == ["Now: ", '{"command":"ls"}']
    assert verdict.stop_reason == "tool_use"
    schema = at(json.loads(run.backend.requests[1].body), "response_format", "json_schema", "schema")
    assert schema == call_schema([BASH])
    assert [(note.what, note.before, note.after) for note in run.notes] == [("constrained", "{}", '{"command":"ls"}')]
    assert run.is_idle


async def test_an_invalid_call_that_was_written_into_the_text_is_requested_again() -> None:
    run = Run([whole(WRITTEN), whole(CONSTRAINED)], filters=CHECKS)

    verdict = await run.finish()

    assert [block[2] for block in blocks_of(verdict)] == ["Now: \n", '{"command":"ls"}']
    assert verdict.stop_reason == "tool_use"
    assert [note.what for note in run.notes] == ["recognised", "constrained"]


@pytest.mark.parametrize(
    "second",
    [whole(SEA), FakeReply(chunks=[b'{"error":{"message":"no"}}'], status=400), partial(CONSTRAINED, 1, BROKEN)],
    ids=["another reply", "refused", "truncated"],
)
async def test_a_second_try_that_fails_delivers_the_call_as_the_model_wrote_it(second: FakeReply) -> None:
    run = Run([whole(INVALID), second], filters=CHECKS)

    verdict = await run.finish()

    assert [block[2] for block in blocks_of(verdict)] == ["Now: ", "{}"]
    assert [note.what for note in run.notes] == ["invalid"]
    assert run.is_idle


async def test_a_call_that_was_cut_is_not_requested_again() -> None:
    run = Run([whole(ExpectedReply(INVALID.parts, "length"))], filters=CHECKS)

    verdict = await run.finish()

    assert [block[2] for block in blocks_of(verdict)] == ["Now: ", "{}"]
    assert len(run.backend.requests) == 1


async def test_a_server_that_cannot_enforce_a_schema_is_not_asked_again() -> None:
    run = Run([whole(INVALID)], kind="generic", filters=CHECKS)

    assert blocks_of(await run.finish()) == INVALID.blocks()
    assert len(run.backend.requests) == 1
