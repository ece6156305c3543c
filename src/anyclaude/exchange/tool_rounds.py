"""
Replies of a model that searches and fetches: the gateway runs the calls, and requests the next part with their results.

The client receives one message.  Each request has the conversation in the form in which the client will return it, so
the next turn extends the prompt that the engine has.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

from msgspec import to_builtins
from msgspec.structs import replace

from anyclaude.memory_budget import Reservation
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.content import blocks_of, decode_content
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.events import ReplyBlock, ServerToolResult, ServerToolUseContent, StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice, Turn
from anyclaude.protocol.server_tools import WEB_SEARCH
from anyclaude.scheduling.dispatch import Dispatcher, OpenReply
from anyclaude.scheduling.progress import Progress
from anyclaude.scheduling.upstream import PreparedRequest
from anyclaude.transforms import OriginalCall, PreparedPrompt, runnable_name
from anyclaude.worker_threads import RequestWorkers

from .conversation_memory import original_calls
from .recognition import SEARCH_PHRASE, last_words, query_in
from .tool_runs import ToolRuns, decoded_input

MAX_ROUNDS = 10
"""After so many, the message ends with `pause_turn`, and the client may continue it (docs: "Server tools")."""

MAX_CALLS = 8
"""Of one reply; a model that writes more repeats itself."""

COPIES = 3
"""Of what was found: in the blocks for the client, in the prepared prompt, and encoded for the server."""

Prepare = Callable[[MessagesRequest, Mapping[str, OriginalCall]], PreparedPrompt]
"""Prepares a prompt whose calls are still unknown to the conversation's memory."""


class ToolRounds:
    """The rounds of one message."""

    def __init__(
        self,
        received: MessagesRequest,
        names: frozenset[str],
        runs: ToolRuns,
        stream: MessageStream,
        prepare: Prepare,
        workers: RequestWorkers,
    ) -> None:
        """`names` are those of the tools that the gateway runs, as the model may call them."""
        self.names = names
        self.received = received
        self.conversation = received
        """The request with what the message had when the model was asked last."""
        self._runs = runs
        self._stream = stream
        self._prepare = prepare
        self._workers = workers
        self._accumulator = Accumulator()
        self._rounds = 0
        self._first: tuple[ServerToolUseContent, ServerToolResult] | None = None

    @property
    def are_used_up(self) -> bool:
        """Whether the message must pause."""
        return self._rounds >= MAX_ROUNDS

    def watch(self, events: Iterable[StreamEvent]) -> None:
        """Take the events that go to the client: they are what the next request begins with."""
        self._accumulator.take(events)

    async def run(self, calls: Sequence[ToolCallDelta]) -> AsyncGenerator[list[StreamEvent], None]:
        """Run the calls of a reply at once, and yield their events: the calls first, then what came of them."""
        contents = [self._content(call) for call in calls[:MAX_CALLS]]
        begun = [
            event
            for content, call in zip(contents, calls, strict=False)
            for event in self._stream.add_server_call(content, call)
        ]
        yield begun
        results = await asyncio.gather(*map(self._runs.run, contents))
        yield self._events_of(results)
        self._rounds += 1

    async def search_first(self, query: str) -> None:
        """Search before the model is asked, as if it had called the tool."""
        name = next(tool.name for tool in self.received.tools if runnable_name(tool) == WEB_SEARCH)
        call = self._runs.call(name, {"query": query})
        self._first = (call, await self._runs.run(call))

    def first_events(self) -> list[StreamEvent]:
        """Return the events of a search that was run before the model was asked."""
        if self._first is None:
            return []
        call, result = self._first
        return [*self._stream.add_server_call(call), *self._events_of([result])]

    async def next_request(self, sent: PreparedRequest) -> PreparedRequest:
        """Return the request for the next reply, to the server that has had the last one."""
        self.conversation = request = self._extended(self._accumulator.blocks or self._first or ())
        stream = self._stream
        originals = original_calls(
            stream.raw_arguments, stream.repaired_arguments, stream.written_calls, stream.provider_fields, sent.origin
        )
        prompt = await self._workers.run(len(sent.wire.body), lambda: self._prepare(request, originals))
        source = replace(sent.source, request=prompt.request, characters=prompt.characters)
        return await sent.upstream.prepare_again(sent, source)

    async def reopen(
        self, sent: PreparedRequest, dispatcher: Dispatcher, progress: Progress, held: Reservation
    ) -> OpenReply:
        """
        Request the next reply, and return it as soon as it has begun; what was found is added to `held`.

        Raises `MemoryExhausted` if there is no room for it, and what `Dispatcher.open` raises.
        """
        request = await self.next_request(sent)
        held.grow(COPIES * max(len(request.wire.body) - len(sent.wire.body), 0))
        opened = await dispatcher.open_next(request, progress)
        self._stream.begin_next_reply()
        return opened

    def _content(self, call: ToolCallDelta) -> ServerToolUseContent:
        return self._runs.call(call.name, decoded_input(call.arguments))

    def _events_of(self, results: Iterable[ServerToolResult]) -> list[StreamEvent]:
        self._stream.count_server_tools(self._runs.usage)
        return [event for result in results for event in self._stream.add_server_result(result)]

    def _extended(self, blocks: Sequence[ReplyBlock]) -> MessagesRequest:
        """Return the request with what the message has so far; the model need not call a tool again."""
        content = decode_content(to_builtins(list(blocks)), "reply")
        messages = self.received.messages
        if messages and messages[-1].role == "assistant":
            last = messages[-1]
            messages = (*messages[:-1], replace(last, content=(*blocks_of(last.content), *blocks_of(content))))
        else:
            messages = (*messages, Turn("assistant", content))
        choice = self.received.tool_choice
        if choice is not None and choice.type in {"any", "tool"}:
            choice = ToolChoice("auto", disable_parallel_tool_use=choice.disable_parallel_tool_use)
        return replace(self.received, messages=messages, tool_choice=choice)


def names_of_run_tools(
    received: MessagesRequest, prepared: MessagesRequest, runnable: frozenset[str]
) -> frozenset[str]:
    """Return the names of the tools that the gateway runs, and that the model is offered."""
    if not runnable:
        return frozenset()
    offered = {tool.name for tool in prepared.tools if not tool.is_server_tool}
    return frozenset(tool.name for tool in received.tools if runnable_name(tool) in runnable and tool.name in offered)


def query_to_begin_with(request: MessagesRequest, profile: BackendProfile, names: frozenset[str]) -> str | None:
    """
    Return what to search for before the model is asked, `None` if the model is to decide.

    Claude Code's search has its query in it.  A server that cannot make a model call a tool, and a model that knows
    tools from words only, are spared the call where only a search can be meant: the query is the user's own words.
    """
    searches = [tool for tool in request.tools if tool.name in names and runnable_name(tool) == WEB_SEARCH]
    if not searches or not request.messages or request.messages[-1].role != "user":
        return None
    words = last_words(request)
    is_alone = len(request.tools) == 1
    if is_alone and words.startswith(SEARCH_PHRASE):
        return query_in(words) or None
    is_forced = _is_forced(request.tool_choice, searches[0], is_alone=is_alone)
    is_in_words = profile.tools_sent_as == "words"
    if (is_forced and profile.forces_calls_by == "words") or (is_alone and is_in_words):
        return words or None
    return None


def _is_forced(choice: ToolChoice | None, tool: Tool, *, is_alone: bool) -> bool:
    if choice is None:
        return False
    return (choice.type == "tool" and choice.name == tool.name) or (choice.type == "any" and is_alone)
