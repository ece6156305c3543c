"""What a gateway keeps of a request, with all that is derived from its parts, takes no more memory than is counted."""

import gc
import json
import tracemalloc

import pytest

from anyclaude.diet import Diet
from anyclaude.exchange import ConversationMemory, PromptPipeline
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.prompt_beginning import PromptBeginning
from anyclaude.protocol.prompt_weight import PromptWeight
from anyclaude.transforms import PromptContext

PROPERTIES = {f"property_{number}": {"type": "string", "description": "What it is. " * 9} for number in range(8)}
SCHEMA = {"$schema": "x", "type": "object", "properties": PROPERTIES}

SHAPES: dict[str, dict[str, object]] = {
    "short turns": {"messages": [{"role": "user", "content": str(number)} for number in range(300)]},
    "short blocks": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": str(number)}]} for number in range(300)]
    },
    "emoji": {"messages": [{"role": "user", "content": f"\N{PILE OF POO}{number}{'x' * 999}"} for number in range(60)]},
    "tool rounds": {
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"c{at}", "name": "a", "input": {"a": at}}]}
            if at % 2
            else {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": f"c{at - 1}", "content": "x" * 99}],
            }
            for at in range(1, 300)
        ]
    },
    "tools": {
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [
            {"name": f"tool_{number}", "description": "A sentence. " * 200, "input_schema": SCHEMA}
            for number in range(30)
        ],
    },
}


@pytest.mark.parametrize("diet", ["full", "minimal"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_kept_takes_no_more_than_is_counted(shape: str, diet: Diet) -> None:
    body = json.dumps({"model": "m", "max_tokens": 9, **SHAPES[shape]}, separators=(",", ":")).encode()
    budget = MemoryBudget()
    decoder = CachingDecoder(budget)
    pipeline = PromptPipeline(ConversationMemory(budget=budget), PromptContext(diet=diet, repeated_calls=5))
    weight, beginning = PromptWeight(), PromptBeginning()
    gc.collect()
    tracemalloc.start()
    for _ in range(2):
        request = decoder.decode(body)
        prompt = pipeline.prepare(request, "conversation")
        pipeline.repetition(request)
        weight(prompt.request)
        beginning(prompt.request)
        del request, prompt
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    counted = sum(budget.kept.values())

    assert 0.2 * counted <= allocated <= counted
