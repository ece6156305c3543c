"""What only a trained model, or a template of its own, makes a real server send."""

from pathlib import Path

import pytest
from anthropic.types import Message, ToolParam
from tests.parts.weights import qwen_coder_file

from anyclaude.engine.chat_templates import shipped_template

from .asking import HELLO, ask, said
from .played import on_server, played_on, skip_unless_installed, tiny_model_for
from .servers import DASLLAMA, LLAMA_SERVER, server_named

READ: ToolParam = {
    "name": "Read",
    "description": "Reads a file and returns its content.",
    "input_schema": {
        "type": "object",
        "properties": {"file_path": {"type": "string", "description": "The path of the file"}},
        "required": ["file_path"],
    },
}

PROMPT = "Call the Read tool for the file /etc/hostname, then say what is in it."
"""With less said, the smallest model that calls tools invents the content."""

CALL = [("Read", {"file_path": "/etc/hostname"})]


async def reply_of_qwen(name: str, folder: Path, *server_words: str) -> Message:
    """Return what Qwen2.5-Coder-0.5B says when it has to read a file."""
    server = server_named(name)
    skip_unless_installed(server)
    async with (
        played_on(server, await qwen_coder_file(), folder, *server_words) as played,
        played.client() as client,
    ):
        return await ask(client, [{"role": "user", "content": PROMPT}], 100, tools=[READ])


def calls_in(message: Message) -> list[tuple[str, object]]:
    """Return the calls of a reply."""
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


@pytest.mark.parametrize(
    ("name", "template"),
    [pytest.param(LLAMA_SERVER.name, "qwen2.5-coder.jinja", marks=on_server("llama-server", "native_call").marks)],
    ids=["llama-server"],
)
async def test_with_a_template_of_the_models_own_format_the_server_finds_its_calls(
    name: str, template: str, tmp_path: Path
) -> None:
    file = tmp_path / template
    file.write_text(shipped_template(template))
    message = await reply_of_qwen(name, tmp_path, "--chat-template-file", str(file))

    assert calls_in(message) == CALL


@pytest.mark.parametrize(
    "name", [on_server(LLAMA_SERVER.name, "written_call"), on_server(DASLLAMA.name, "written_call")]
)
async def test_a_call_that_the_model_writes_as_text_is_recognised(name: str, tmp_path: Path) -> None:
    message = await reply_of_qwen(name, tmp_path)

    assert calls_in(message) == CALL
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize("name", [on_server(LLAMA_SERVER.name, "reasoning")])
async def test_what_a_model_thinks_is_a_thinking_block(name: str, tmp_path: Path) -> None:
    server = server_named(name)
    skip_unless_installed(server)
    template = tmp_path / "thinking.jinja"
    opened = "{{ '<|im_start|>assistant\\n<think>\\n' }}"
    template.write_text(
        "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
        f"{{% endfor %}}{{% if add_generation_prompt %}}{opened}{{% endif %}}"
    )
    async with (
        played_on(server, await tiny_model_for(server), tmp_path, "--chat-template-file", str(template)) as played,
        played.client() as client,
    ):
        message = await ask(client, HELLO, 12)

    thinking = message.content[0]
    assert thinking.type == "thinking"
    assert thinking.thinking
    assert said(message) == ""
