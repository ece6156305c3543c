"""Prompts are prepared as the policy requires, and extend the earlier prompts of their conversation."""

from tests.parts.tool_rounds import READ, conversation, request_of

from anyclaude.exchange.conversation_memory import ConversationMemory
from anyclaude.exchange.prompt_pipeline import PromptPipeline, prompt_transforms
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext

LONG = "Reads a file. " + "It can read any of them. " * 100


def request(*tools: str) -> MessagesRequest:
    with_descriptions = tuple(Tool(name, LONG, {"type": "object"}) for name in tools)
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "Hello"),), tools=with_descriptions)


def test_the_policy_selects_the_steps() -> None:
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(diet="minimal"))

    prepared = pipeline.prepare(request("Read"), "conversation")

    assert [step.name for step in prepared.steps] == ["tool text"]
    assert len(prepared.request.tools[0].description) <= 800


def test_the_tool_order_of_a_conversation_does_not_affect_others() -> None:
    memory = ConversationMemory()
    pipeline = PromptPipeline(memory, PromptContext())
    memory.record_tool_order("conversation", request("Write", "Read"))

    def order(conversation: str) -> list[str]:
        return [tool.name for tool in pipeline.prepare(request("Read", "Write"), conversation).request.tools]

    assert (order("conversation"), order("another")) == (["Write", "Read"], ["Read", "Write"])


def test_preparing_a_prepared_prompt_changes_nothing() -> None:
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(diet="minimal"))

    once = pipeline.prepare(request("Write", "Read"), "conversation")
    twice = pipeline.prepare(once.request, "conversation")

    assert (twice.request, twice.steps) == (once.request, ())


def test_the_steps_have_distinct_names() -> None:
    names = [step.name for step in prompt_transforms()]

    assert len(set(names)) == len(names)


def test_the_repetition_at_the_end_is_counted_and_the_model_told() -> None:
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(repeated_calls=5))
    stuck = request_of(*conversation(READ, READ, READ))

    repetition = pipeline.repetition(stuck)

    assert repetition is not None
    assert (repetition.rounds, pipeline.repeated_calls) == (3, 5)
    assert [step.name for step in pipeline.prepare(stuck, "conversation").steps] == ["repeated calls"]
