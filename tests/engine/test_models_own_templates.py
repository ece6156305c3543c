"""
Our chat templates beside the models' own: every difference in what they render is stated here, with its reason.

The models' own templates are in `model_templates/`, as the model files have them (`tokenizer.chat_template`):
`smollm2.jinja` from SmolLM2-135M-Instruct by Hugging Face, `qwen2.5-coder.jinja` from Qwen2.5-Coder-0.5B-Instruct by
Alibaba Cloud, both Apache-2.0.  The engine renders them, because its Jinja is not Python's.
"""

import difflib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest
import pytest_asyncio
from tests.parts.engines import ask, running

from anyclaude.engine.chat_templates import shipped_template
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.options import EngineOptions

OWN = Path(__file__).with_name("model_templates")
FILES = ("smollm2.jinja", "qwen2.5-coder.jinja")

Message = Mapping[str, object]


@dataclass(frozen=True)
class Pair:
    """Two engines, one with a model's own template and one with ours."""

    own: EmbeddedEngine
    ours: EmbeddedEngine


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pairs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, Pair]]:
    """The engines for each of the files; their model has random weights, which only the templates concern."""
    logs = tmp_path_factory.mktemp("logs")
    async with AsyncExitStack() as stack:

        async def engine_with(template: str) -> EmbeddedEngine:
            options = EngineOptions(context_tokens=512, threads=1, chat_template=template)
            return await stack.enter_async_context(running(tiny_model, logs, options))

        yield {
            file: Pair(
                await engine_with((OWN / file).read_text(encoding="utf-8")), await engine_with(shipped_template(file))
            )
            for file in FILES
        }


def said(role: str, text: str) -> Message:
    """Return a message of text."""
    return {"role": role, "content": text}


def tool(name: str) -> Mapping[str, object]:
    """Return a tool with one argument."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    return {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": schema}}


def calling(text: str | None, *paths: str) -> Message:
    """Return a reply that calls the tool once for each path."""
    calls = [
        {
            "id": f"call{number}",
            "type": "function",
            "function": {"name": "Read", "arguments": msgspec.json.encode({"path": path}).decode()},
        }
        for number, path in enumerate(paths)
    ]
    return {"role": "assistant", "content": text, "tool_calls": calls}


def result(text: str, number: int = 0) -> Message:
    """Return the result of a call."""
    return {"role": "tool", "tool_call_id": f"call{number}", "content": text}


QUESTION = said("user", "What is in a.txt?")
PLAIN: Mapping[str, tuple[Message, ...]] = MappingProxyType(
    {
        "no system": (QUESTION,),
        "system": (said("system", "Be brief."), QUESTION),
        "several turns": (
            said("system", "Be brief."),
            QUESTION,
            said("assistant", "I do not know."),
            said("system", "The user is in a hurry."),
            said("user", "Thanks."),
        ),
    }
)
WITH_TOOLS: Mapping[str, tuple[Message, ...]] = MappingProxyType(
    {
        **{f"tools, {name}": messages for name, messages in PLAIN.items()},
        "call and result": (QUESTION, calling(None, "a.txt"), result("42")),
        "text, two calls, two results": (
            said("system", "Be brief."),
            QUESTION,
            calling("Let me look.", "a.txt", "b.txt"),
            result("42"),
            result("43", 1),
            said("assistant", "It is 42."),
            said("user", "Thanks."),
        ),
        "a written call and its result": (
            QUESTION,
            said("assistant", '<tool_call>\n{"name": "Read", "arguments": {"path": "a.txt"}}\n</tool_call>'),
            result("42"),
        ),
    }
)


async def rendered(engine: EmbeddedEngine, messages: tuple[Message, ...], *, with_tools: bool) -> str:
    """Return the prompt that the engine's template makes of a conversation."""
    body = {"messages": list(messages), **({"tools": [tool("Read"), tool("Write")]} if with_tools else {})}

    class Rendered(msgspec.Struct):
        prompt: str

    return msgspec.convert(await ask(engine, "/apply-template", body), Rendered).prompt


@dataclass(frozen=True)
class Difference:
    """Text of the own template, and what ours has in its place."""

    own: str
    ours: str


def differences(own: str, ours: str) -> list[Difference]:
    """Return where two prompts differ, in whole lines."""
    before, after = own.splitlines(keepends=True), ours.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [
        Difference("".join(before[start:end]), "".join(after[begin:stop]))
        for tag, start, end, begin, stop in matcher.get_opcodes()
        if tag != "equal"
    ]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("conversation", PLAIN)
async def test_without_tools_ours_renders_what_the_own_renders(
    pairs: Mapping[str, Pair], file: str, conversation: str
) -> None:
    pair, messages = pairs[file], PLAIN[conversation]

    assert await rendered(pair.ours, messages, with_tools=False) == await rendered(pair.own, messages, with_tools=False)


@pytest.mark.parametrize("conversation", WITH_TOOLS)
async def test_x(pairs: Mapping[str, Pair], conversation: str) -> None:
    for file in FILES:
        pair, messages = pairs[file], WITH_TOOLS[conversation]
        try:
            own = await rendered(pair.own, messages, with_tools=True)
        except Exception as e:
            print(file, conversation, "OWN", e); own = ""
        for d in differences(own, await rendered(pair.ours, messages, with_tools=True)): print(file, repr(conversation), d)
