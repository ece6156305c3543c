"""
Our chat templates beside the models' own: every difference in what they render is stated here, with its reason.

The models' own templates are in `model_templates/`, as the model files have them (`tokenizer.chat_template`):
`smollm2.jinja` from SmolLM2-135M-Instruct by Hugging Face, `qwen2.5-coder.jinja` from Qwen2.5-Coder-0.5B-Instruct by
Alibaba Cloud, both Apache-2.0.  The engine renders them, because its Jinja is not Python's.
"""

import difflib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
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


class Rendered(msgspec.Struct):
    """The engine's response to `/apply-template`."""

    prompt: str


async def rendered(engine: EmbeddedEngine, messages: tuple[Message, ...], *, with_tools: bool) -> str:
    """Return the prompt that the engine's template makes of a conversation."""
    tools = {"tools": [tool("Read"), tool("Write")]} if with_tools else {}
    answer = await ask(engine, "/apply-template", {"messages": list(messages), **tools})
    return msgspec.convert(answer, Rendered).prompt


@dataclass(frozen=True)
class Difference:
    """Lines of the own template, what ours has in their place, and why."""

    own: str
    ours: str
    reason: str = field(compare=False, default="")


def differences(own: str, ours: str) -> list[Difference]:
    """Return where two prompts differ, in whole lines."""
    before, after = own.splitlines(keepends=True), ours.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [
        Difference("".join(before[start:end]), "".join(after[begin:stop]))
        for tag, start, end, begin, stop in matcher.get_opcodes()
        if tag != "equal"
    ]


def described(name: str) -> str:
    """Return a tool as our templates render it."""
    return (
        f'{{"name": "{name}", "description": "A tool.", "parameters": {{"type": "object", '
        '"properties": {"path": {"type": "string"}}, "required": ["path"]}}\n'
    )


def wrapped(name: str) -> str:
    """Return a tool as Qwen's own template renders it."""
    return f'{{"type": "function", "function": {described(name).rstrip()}}}\n'


def qwen_tools(instructions: str) -> list[Difference]:
    """Return the differences of every prompt with tools for Qwen2.5-Coder."""
    return [
        Difference(f"{instructions}\n\n", "", "The tools come first: agents with other instructions share them."),
        Difference(
            wrapped("Read") + wrapped("Write"),
            described("Read") + described("Write"),
            "The envelope is the same for every tool, and costs tokens for each.",
        ),
        Difference(
            "For each function call, return a json object with function name and arguments within "
            "<tool_call></tool_call> XML tags:\n<tool_call>\n"
            '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n',
            "To call a function, answer with nothing but a block that holds its name and arguments as a JSON object:\n"
            f"{OPENS_CALL}"
            f'{{"name": "Read" | "Write", "arguments": <args-json-object>}}\n```\n\n{instructions}<|im_end|>\n',
            "The model writes fences whatever it is told, and the line above the fence lets the engine constrain the "
            "call; without the names, it makes up others.  The instructions follow the tools.",
        ),
    ]


OPENS_CALL = "@call\n```json\n"
QWEN_DEFAULT = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
QWEN_CALL = [
    Difference("<tool_call>\n", OPENS_CALL, "Calls are shown as they are to be written."),
    Difference("</tool_call><|im_end|>\n", "```<|im_end|>\n", "The end of such a call."),
]
QWEN_RESULT = Difference(
    "</tool_response><|im_end|>\n",
    "</tool_response>\n\nIf a step of my request is still to be done, answer with nothing but the block that calls its "
    "function. If none is left, answer me in plain words, from the results.<|im_end|>\n",
    "Without these words 1.5B calls again after every result.",
)
QWEN: Mapping[str, list[Difference]] = MappingProxyType(
    {
        "tools, no system": qwen_tools(QWEN_DEFAULT),
        "tools, system": qwen_tools("Be brief."),
        "tools, several turns": qwen_tools("Be brief."),
        "call and result": [*qwen_tools(QWEN_DEFAULT), *QWEN_CALL, QWEN_RESULT],
        "text, two calls, two results": [
            *qwen_tools("Be brief."),
            QWEN_CALL[0],
            Difference("</tool_call>\n<tool_call>\n", f"```\n{OPENS_CALL}", "The end of one call and the next one."),
            QWEN_CALL[1],
            QWEN_RESULT,
        ],
        "a written call and its result": [*qwen_tools(QWEN_DEFAULT), QWEN_RESULT],
    }
)

READ_CALL = '<tool_call>\n{"name": "Read", "arguments": {"path": "%s"}}\n</tool_call>'
RETURNED = "The function returned:\n\n"
SMOLLM2_TOOLS = Difference(
    "",
    "# Tools\n\nYou may call these functions:\n<tools>\n"
    + described("Read")
    + described("Write")
    + "</tools>\n\nTo call a function, answer with its name and arguments as JSON, like this:\n<tool_call>\n"
    '{"name": "function-name", "arguments": {"argument-name": "value"}}\n</tool_call>\n\n# Instructions\n\n',
    "The own template omits the tools.",
)
SMOLLM2: Mapping[str, list[Difference]] = MappingProxyType(
    {
        "tools, no system": [SMOLLM2_TOOLS],
        "tools, system": [SMOLLM2_TOOLS],
        "tools, several turns": [SMOLLM2_TOOLS],
        "call and result": [
            SMOLLM2_TOOLS,
            Difference(
                "<|im_end|>\n<|im_start|>tool\n",
                f"{READ_CALL % 'a.txt'}<|im_end|>\n<|im_start|>user\n{RETURNED}",
                "The own template omits calls, and writes results as a role that the model was not trained on.",
            ),
        ],
        "text, two calls, two results": [
            SMOLLM2_TOOLS,
            Difference(
                "Let me look.<|im_end|>\n<|im_start|>tool\n42<|im_end|>\n<|im_start|>tool\n",
                f"Let me look.\n{READ_CALL % 'a.txt'}\n{READ_CALL % 'b.txt'}<|im_end|>\n"
                f"<|im_start|>user\n{RETURNED}42\n{RETURNED}",
                "Results of one turn stand in one turn, as roles alternate.",
            ),
        ],
        "a written call and its result": [
            SMOLLM2_TOOLS,
            Difference("<|im_start|>tool\n", f"<|im_start|>user\n{RETURNED}", "The model knows no role for results."),
        ],
    }
)
STATED = MappingProxyType({"smollm2.jinja": SMOLLM2, "qwen2.5-coder.jinja": QWEN})


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("conversation", PLAIN)
async def test_without_tools_ours_renders_what_the_own_renders(
    pairs: Mapping[str, Pair], file: str, conversation: str
) -> None:
    pair, messages = pairs[file], PLAIN[conversation]

    assert await rendered(pair.ours, messages, with_tools=False) == await rendered(pair.own, messages, with_tools=False)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("conversation", WITH_TOOLS)
async def test_with_tools_ours_differs_only_as_stated(pairs: Mapping[str, Pair], file: str, conversation: str) -> None:
    pair, messages = pairs[file], WITH_TOOLS[conversation]

    own = await rendered(pair.own, messages, with_tools=True)
    ours = await rendered(pair.ours, messages, with_tools=True)

    assert differences(own, ours) == STATED[file][conversation]
