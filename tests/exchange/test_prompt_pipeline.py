"""Prompts are prepared by the policy, and extend the conversation's earlier ones."""

from anyclaude.exchange.conversation_memory import ConversationMemory
from anyclaude.exchange.prompt_pipeline import PromptPipeline, prompt_steps
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext

LONG = "Reads a file. " + "It can read any of them. " * 100


def asked(*tools: str) -> MessagesRequest:
    described = tuple(Tool(name, LONG, {"type": "object"}) for name in tools)
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "Hello"),), tools=described)


def test_the_steps_follow_the_policy() -> None:
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(diet="minimal"))

    prepared = pipeline.prepared(asked("Read"), "conversation")

    assert [step.name for step in prepared.steps] == ["tool text"]
    assert len(prepared.request.tools[0].description) <= 800


def test_a_conversation_keeps_the_order_of_its_tools_and_others_do_not_take_it_over() -> None:
    memory = ConversationMemory()
    pipeline = PromptPipeline(memory, PromptContext())
    memory.record_tool_order("conversation", asked("Write", "Read"))

    def order(conversation: str) -> list[str]:
        return [tool.name for tool in pipeline.prepared(asked("Read", "Write"), conversation).request.tools]

    assert (order("conversation"), order("another")) == (["Write", "Read"], ["Read", "Write"])


def test_preparing_a_prepared_prompt_changes_nothing() -> None:
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(diet="minimal"))

    once = pipeline.prepared(asked("Write", "Read"), "conversation")
    twice = pipeline.prepared(once.request, "conversation")

    assert (twice.request, twice.steps) == (once.request, ())


def test_the_steps_have_distinct_names() -> None:
    names = [step.name for step in prompt_steps()]

    assert len(set(names)) == len(names)
