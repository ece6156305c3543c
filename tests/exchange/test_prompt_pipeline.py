"""Prompts are prepared as the policy requires, and extend the earlier prompts of their conversation."""

from msgspec.structs import replace
from tests.parts.tool_rounds import READ, Round, conversation, request_of

from anyclaude.exchange.conversation_memory import ConversationMemory
from anyclaude.exchange.prompt_pipeline import PromptPipeline, prompt_transforms
from anyclaude.protocol.events import AppliedClearing
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PreparedPrompt, PromptContext

LONG = "Reads a file. " + "It can read any of them. " * 100


def request(*tools: str) -> MessagesRequest:
    with_descriptions = tuple(Tool(name, LONG, {"type": "object"}) for name in tools)
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "Hello"),), tools=with_descriptions)


def next_turn(pipeline: PromptPipeline, request: MessagesRequest) -> PreparedPrompt:
    """Prepare a request as one that is sent."""
    prompt = pipeline.prepare(request, "conversation")
    pipeline.remember(prompt, "conversation")
    return prompt


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


def test_a_cleared_conversation_is_measured_as_when_it_was_first_cleared() -> None:
    """Otherwise a better estimate would clear other results, and the whole prompt would be evaluated again."""
    known = {"conversation": 4.0}
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(), known.__getitem__)
    files = conversation(*(Round(("Read", {"file_path": f"/{number}"}, "x" * 400)) for number in range(8)))
    wanted: JsonObject = {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 500}}

    def sent(rounds: int) -> MessagesRequest:
        request = replace(request_of(*files[: 2 * rounds + 1]), context_management={"edits": [wanted]})
        return next_turn(pipeline, request).request

    before = sent(5)
    known["conversation"] = 2.0
    after = sent(6)
    assert before.messages != files[:11]
    assert after.messages[: len(before.messages)] == before.messages


def test_a_conversation_that_was_not_cleared_yet_is_measured_anew_each_time() -> None:
    known = {"conversation": 8.0}
    pipeline = PromptPipeline(ConversationMemory(), PromptContext(), known.__getitem__)
    files = conversation(*(Round(("Read", {"file_path": f"/{number}"}, "x" * 400)) for number in range(5)))
    wanted: JsonObject = {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 500}}
    request = replace(request_of(*files), context_management={"edits": [wanted]})

    first = next_turn(pipeline, request).context_management
    known["conversation"] = 4.0
    second = next_turn(pipeline, request).context_management

    assert first is not None
    assert second is not None
    assert first.applied_edits == ()
    (edit,) = second.applied_edits
    assert isinstance(edit, AppliedClearing)
    assert edit.cleared_tool_uses == 2
