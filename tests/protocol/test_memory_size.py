"""The size of a decoded value is what its objects take, of whatever alphabet and shape it is."""

import json
import tracemalloc

import pytest

from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import decode_request

TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {f"p{number}": {} for number in range(30)}}}

TURNS: dict[str, object] = {
    "ascii": [{"role": "user", "content": f"{number}{'x' * 2000}"} for number in range(100)],
    "accents": [{"role": "user", "content": f"{number}{'é' * 2000}"} for number in range(100)],
    "cyrillic": [{"role": "user", "content": f"{number}{'ж' * 2000}"} for number in range(100)],
    "an emoji in each": [{"role": "user", "content": f"\N{PILE OF POO}{'x' * 2000}"} for _ in range(100)],
    "short": [{"role": "user", "content": str(number)} for number in range(5000)],
    "empty blocks": [{"role": "user", "content": [{"type": "text", "text": ""}] * 5000}],
    "unknown blocks": [{"role": "user", "content": [{"type": "a"}] * 5000}],
    "empty lists": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {"c": [[]] * 5000}}]}
    ],
    "numbers": [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {"c": list(range(1000, 9000))}}],
        }
    ],
}


@pytest.mark.parametrize("shape", TURNS)
def test_the_size_is_what_was_allocated_or_a_little_more(shape: str) -> None:
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": TURNS[shape], "tools": [TOOL] * 20}).encode()
    decode_request(body)  # what is made once, such as interned names, is not counted
    tracemalloc.start()
    request = decode_request(body)
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert 0.9 * allocated <= memory_size(request) <= 1.8 * allocated
