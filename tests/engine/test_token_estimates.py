"""Estimates of tokens, held to what a real tokenizer counts."""

import json
from pathlib import Path

from msgspec.structs import replace
from tests.parts.engines import ENGINE_KEY
from tests.parts.gateway import running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_client import CLAUDE_CODE, connected

from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.profiles import profile_named
from anyclaude.secret import Secret

SOURCES = Path(__file__).parents[2] / "src" / "anyclaude"
FILES = ("engine/embedded.py", "settings/table.py", "errors.py", "protocol/sse.py", "filters/written/calls.py")
PAGES = ("architecture.md", "diets.md")
TOLERANCE = 0.1


def body_after(rounds: int) -> bytes:
    """Return a request after so many files were read: instructions and tools first, as Claude Code sends them."""
    docs = SOURCES.parents[1] / "docs"
    schema = {"type": "object", "properties": {"file_path": {"type": "string", "description": "an absolute path"}}}
    tools = [
        {"name": f"Tool{number}", "description": "It reads a file. " * 40, "input_schema": schema}
        for number in range(12)
    ]
    messages: list[object] = [{"role": "user", "content": "Explain how the engine is started."}]
    for number, file in enumerate(FILES[:rounds]):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Tool1", "input": {"file_path": f"/work/{file}"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": (SOURCES / file).read_text()}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    body = {
        "model": "claude-opus-5-5",
        "max_tokens": 1,
        "system": "\n".join((docs / page).read_text() for page in PAGES),
        "tools": tools,
        "messages": messages,
    }
    return json.dumps(body).encode()


async def test_x(tiny_engine: EmbeddedEngine, tmp_path: Path) -> None:
    exact = replace(target_at(tiny_engine.base_url, "embedded"), api_key=Secret(ENGINE_KEY))
    blind = replace(exact, profile=replace(profile_named("embedded"), token_counting="estimate"))
    async with (
        running_gateway(tmp_path / "exact", exact) as counting,
        running_gateway(tmp_path / "blind", blind) as estimating,
        connected(counting.base_url) as one,
        connected(estimating.base_url) as other,
    ):
        for rounds in range(len(FILES)):
            true = await one.ask("POST", "/v1/messages/count_tokens", body_after(rounds), CLAUDE_CODE)
            guess = await other.ask("POST", "/v1/messages/count_tokens", body_after(rounds), CLAUDE_CODE)
            print(
                rounds,
                true.json,
                true.headers["anyclaude-counted-by"],
                guess.json,
                guess.headers["anyclaude-counted-by"],
            )
            r = await other.ask("POST", "/v1/messages", body_after(rounds), CLAUDE_CODE)
            print(at(r.json, "usage"))
            guess = await other.ask("POST", "/v1/messages/count_tokens", body_after(rounds), CLAUDE_CODE)
            print(rounds, guess.json)
        for text in (
            "x" * 4000,
            "Die Straße ist lang. " * 100,
            json.dumps(list(range(2000))),
            "模型的上下文窗口" * 200,
        ):
            b = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
            true = await one.ask("POST", "/v1/messages/count_tokens", b, CLAUDE_CODE)
            guess = await other.ask("POST", "/v1/messages/count_tokens", b, CLAUDE_CODE)
            print(text[:9], true.json, guess.json)
    assert 0
