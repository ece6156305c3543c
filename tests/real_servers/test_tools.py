"""Tool calls that real servers are made to write: a model with random weights calls nothing unless it is forced."""

from anthropic.types import Message, MessageParam, ToolChoiceParam

from .asking import EXACT, LIST, MODEL, READ, ask
from .played import Played, on_servers

LOOK: list[MessageParam] = [{"role": "user", "content": "Look at /tmp"}]
ANY: ToolChoiceParam = {"type": "any"}
LIST_ONLY: ToolChoiceParam = {"type": "tool", "name": "list_folder"}

CALL_TOKENS = 300
"""Grammars allow white space without end, and random weights take it; a reply that reaches this is no call."""


def called(message: Message) -> list[tuple[str, object]]:
    """Return the calls of a reply."""
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


async def forced_calls(played: Played, choice: ToolChoiceParam) -> list[str]:
    """Return the tools that a reply with this choice calls."""
    async with played.client() as client:
        message = await ask(client, LOOK, CALL_TOKENS, tools=[READ, LIST], choice=choice)
    assert message.stop_reason == "tool_use"
    return [name for name, _ in called(message)]


@on_servers("choice_any")
async def test_a_forced_call_is_a_call_of_an_offered_tool(played: Played) -> None:
    assert await forced_calls(played, ANY) in (["read_file"], ["list_folder"])


@on_servers("choice_named")
async def test_the_tool_that_was_named_is_called(played: Played) -> None:
    assert await forced_calls(played, LIST_ONLY) == ["list_folder"]


@on_servers("native_call", "dasllama")
async def test_a_call_that_the_server_has_parsed_is_streamed_to_the_client(played: Played) -> None:
    async with (
        played.client() as client,
        client.messages.stream(
            model=MODEL, max_tokens=CALL_TOKENS, messages=LOOK, tools=[READ], tool_choice=ANY, extra_body=EXACT
        ) as stream,
    ):
        message = await stream.get_final_message()

    ((name, arguments),) = called(message)
    assert name in {"read_file", "list_folder"}
    assert arguments in ({"place": "/etc"}, {"place": "/tmp"})
