"""Each model gets a template that supports tools, and the engine renders it as expected."""

from pathlib import Path

import msgspec
import pytest
from tests.parts.engines import ask

from anyclaude.engine.chat_templates import chat_template_for, shipped_template
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.gguf import GgufMetadata, read_metadata

CHATML = "{% for message in messages %}<|im_start|>{{ message.role }}{% endfor %}"
CHATML_WITH_TOOLS = CHATML + "{% if tools %}<tools>{% endif %}"
LLAMA_2 = "[INST] {{ messages[0].content }} [/INST]"

READ = {
    "type": "function",
    "function": {
        "name": "Read",
        "description": "Reads a file",
        "parameters": {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "Read", "arguments": '{"file_path": "/etc/hostname"}'},
}
CONVERSATION: list[dict[str, object]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is in /etc/hostname?"},
    {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL, CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "build-host-42"},
    {"role": "tool", "tool_call_id": "call_1", "content": "build-host-42 again"},
    {"role": "assistant", "content": "It is build-host-42."},
    {"role": "system", "content": "The user is in a hurry."},
    {"role": "user", "content": "Thanks."},
]


@pytest.fixture(params=["smollm2", "qwen"])
def either_engine(
    request: pytest.FixtureRequest, smollm2_engine: EmbeddedEngine, qwen_engine: EmbeddedEngine
) -> EmbeddedEngine:
    """An engine with each of the shipped templates."""
    return {"smollm2": smollm2_engine, "qwen": qwen_engine}[request.param]


@pytest.mark.parametrize(
    ("template", "name", "chosen"),
    [
        (CHATML, "SmolLM2 135M", "smollm2.jinja"),
        (CHATML_WITH_TOOLS, "SmolLM2 1.7B", None),
        (CHATML, "Some other model", "chatml.jinja"),
        ("", "Some base model", "chatml.jinja"),
        (CHATML_WITH_TOOLS, "Qwen3 4B", None),
        (CHATML_WITH_TOOLS, "Qwen2.5 Coder 0.5B Instruct AWQ", "qwen2.5-coder.jinja"),
        (CHATML_WITH_TOOLS, "qwen2.5-coder-7b", "qwen2.5-coder.jinja"),
        (CHATML_WITH_TOOLS, "Qwen2.5 7B Instruct", None),
        (LLAMA_2, "Llama 2 Chat", None),
    ],
)
def test_the_template_is_chosen_by_the_metadata(template: str, name: str, chosen: str | None) -> None:
    model = GgufMetadata({"tokenizer.chat_template": template, "general.name": name})

    assert chat_template_for(model) == (shipped_template(chosen) if chosen else None)


def test_the_template_of_a_model_without_a_name_is_chosen_by_its_own_template() -> None:
    assert chat_template_for(GgufMetadata({"tokenizer.chat_template": CHATML})) == shipped_template("chatml.jinja")


def test_the_default_weights_get_their_shipped_template(smollm2_model: Path) -> None:
    assert chat_template_for(read_metadata(smollm2_model)) == shipped_template("smollm2.jinja")


async def test_the_engine_detects_that_the_template_supports_tools(either_engine: EmbeddedEngine) -> None:
    assert either_engine.supports_tools


async def test_chatml_renders_tools_calls_results_and_late_system_messages(tiny_engine: EmbeddedEngine) -> None:
    prompt = await rendered(tiny_engine, CONVERSATION)

    assert prompt == (
        "<|im_start|>system\n# Tools\n\nYou may call these functions:\n<tools>\n"
        + described_read()
        + "\n</tools>\n\nTo call a function, answer with its name and arguments as JSON, like this:\n<tool_call>\n"
        '{"name": "function-name", "arguments": {"argument-name": "value"}}\n</tool_call>\n\n'
        "# Instructions\n\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nWhat is in /etc/hostname?<|im_end|>\n"
        "<|im_start|>assistant\nLet me look.\n"
        '<tool_call>\n{"name": "Read", "arguments": {"file_path": "/etc/hostname"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "Read", "arguments": {"file_path": "/etc/hostname"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\nbuild-host-42\n</tool_response>\n"
        "<tool_response>\nbuild-host-42 again\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\nIt is build-host-42.<|im_end|>\n"
        "<|im_start|>system\nThe user is in a hurry.<|im_end|>\n"
        "<|im_start|>user\nThanks.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


async def test_qwen_coder_renders_calls_as_headed_fences(qwen_engine: EmbeddedEngine) -> None:
    prompt = await rendered(qwen_engine, CONVERSATION)

    call = '@call\n```json\n{"name": "Read", "arguments": {"file_path": "/etc/hostname"}}\n```'
    assert f"<|im_start|>assistant\nLet me look.\n{call}\n{call}<|im_end|>\n" in prompt
    assert "<tool_response>\nbuild-host-42 again\n</tool_response>\n\nIf a step of my request" in prompt
    assert prompt.count("If a step of my request") == 1  # after the last of several results
    assert "<|im_start|>system\nThe user is in a hurry.<|im_end|>\n" in prompt


async def test_each_turn_extends_the_prompt_of_the_previous_turn(either_engine: EmbeddedEngine) -> None:
    requests_at = [turn for turn in range(1, len(CONVERSATION)) if CONVERSATION[turn]["role"] == "assistant"]

    whole = await rendered(either_engine, CONVERSATION)

    for turn in requests_at:
        assert whole.startswith(await rendered(either_engine, CONVERSATION[:turn]))


async def test_prompts_with_the_same_tools_share_a_prefix(either_engine: EmbeddedEngine) -> None:
    """Sub-agents have the same tools as the main conversation, and other instructions."""
    main, other = [
        await rendered(either_engine, [{"role": "system", "content": text}, *CONVERSATION[1:]])
        for text in ("Work with the user.", "Search, and report.")
    ]

    instructions_at = main.index("Work with the user.")
    assert described_read() in main[:instructions_at]
    assert other.startswith(main[:instructions_at] + "Search, and report.")


async def test_chatml_adds_nothing_without_tools_and_a_system_message(tiny_engine: EmbeddedEngine) -> None:
    prompt = await ask(tiny_engine, "/apply-template", {"messages": [{"role": "user", "content": "Hi"}]})

    assert msgspec.convert(prompt, Rendered).prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


class Rendered(msgspec.Struct):
    """The engine's response to `/apply-template`."""

    prompt: str


async def rendered(engine: EmbeddedEngine, messages: list[dict[str, object]]) -> str:
    """Return the prompt that the engine renders for a conversation with one tool."""
    answer = await ask(engine, "/apply-template", {"messages": messages, "tools": [READ]})
    return msgspec.convert(answer, Rendered).prompt


def described_read() -> str:
    """Return the tool as the shipped templates render it."""
    return (
        '{"name": "Read", "description": "Reads a file", "parameters": {"type": "object", '
        '"properties": {"file_path": {"type": "string"}}, "required": ["file_path"]}}'
    )
