"""Prompts come out alike for everyone who prepares them, and as the conversation's earlier ones did."""

from anyclaude.exchange.conversation_memory import ConversationMemory
from anyclaude.exchange.prompt_pipeline import Preparation, prompt_steps
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext

LONG = "Reads a file. " + "It can read any of them. " * 100


def asked(*tools: str) -> MessagesRequest:
    described = tuple(Tool(name, LONG, {"type": "object"}) for name in tools)
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "Hello"),), tools=described)


def test_the_steps_know_what_the_user_wished() -> None:
    preparation = Preparation(ConversationMemory(policy=PromptContext(diet="minimal")))

    prepared = preparation.prepared(asked("Read"), "conversation")

    assert [step.name for step in prepared.steps] == ["tool text"]
    assert len(prepared.request.tools[0].description) <= 800


def test_a_conversation_goes_on_as_it_was_sent_and_another_one_begins_anew() -> None:
    preparation = Preparation(ConversationMemory())
    preparation.memory.record_tool_order("conversation", asked("Write", "Read"))

    def order(conversation: str) -> list[str]:
        return [tool.name for tool in preparation.prepared(asked("Read", "Write"), conversation).request.tools]

    assert (order("conversation"), order("another")) == (["Write", "Read"], ["Read", "Write"])


def test_a_prompt_that_was_prepared_stays_as_it_is() -> None:
    preparation = Preparation(ConversationMemory(policy=PromptContext(diet="minimal")))

    once = preparation.prepared(asked("Write", "Read"), "conversation")
    twice = preparation.prepared(once.request, "conversation")

    assert (twice.request, twice.steps) == (once.request, ())


def test_every_step_has_a_name_of_its_own() -> None:
    names = [step.name for step in prompt_steps()]

    assert len(set(names)) == len(names)
