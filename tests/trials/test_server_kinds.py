"""The real client on every kind of server: a server's own account of itself, and its own form of replies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.parts.chat_reply import ReplyFormat
from tests.parts.chat_server import CHARACTERS_PER_TOKEN, ServerOptions, chat_server
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import JAVASCRIPT, NATIVE, installed_client
from tests.parts.launched_command import run_anyclaude
from tests.parts.played_model import PlayedModel, answer_about, parts_with_words, question_about
from tests.parts.server_documents import LLAMACPP_ROUTER, LMSTUDIO_V1, MLX, OLLAMA, OPENROUTER, SGLANG, VLLM, VLLM_MLX
from tests.parts.work_tree import make_work_tree

from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import JsonValue

PLAIN = ReplyFormat(reports_timings=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of server, the model that it offers first, and how it writes its replies."""

    documents: Mapping[str, JsonValue]
    model: str
    format: ReplyFormat = PLAIN
    mode: BackendName | None = None
    """The mode to name, for a server that cannot be recognised by what it says of itself."""


KINDS: Mapping[str, Kind] = {
    "LM Studio": Kind(LMSTUDIO_V1, "busy:2"),
    # One call in one chunk, and reasoning in a field of its own (openai/openai.go).
    "Ollama": Kind(OLLAMA, "qwen3:8b", ReplyFormat(reports_timings=False, reasoning_field="reasoning", calls="whole")),
    # Comments while the provider is awaited (docs: streaming, "Additional information").
    "OpenRouter": Kind(
        OPENROUTER,
        "z/large",
        ReplyFormat(reports_timings=False, reasoning_field="reasoning", comment=b": OPENROUTER PROCESSING\n\n"),
        mode="openrouter",
    ),
    "vLLM": Kind(VLLM, "Qwen/Qwen3-8B"),
    "SGLang": Kind(SGLANG, "qwen"),
    # Calls without a number and an id, comments while the prompt is evaluated (mlx_lm/server.py).
    "mlx_lm": Kind(
        MLX,
        "mlx-community/A-4bit",
        ReplyFormat(reports_timings=False, calls="whole, without number and id", comment=b": keepalive 3/10\n\n"),
        mode="mlx",
    ),
    "vllm-mlx": Kind(VLLM_MLX, "mlx-community/Qwen3-8B-4bit"),
    "llama.cpp's router": Kind(LLAMACPP_ROUTER, "org/busy:Q4", ReplyFormat()),
}


OWN_FORMS = ("Ollama", "OpenRouter", "mlx_lm")
"""Those whose replies have another form than llama.cpp's."""


@pytest.mark.parametrize(
    ("version", "name"), [*((NATIVE, name) for name in KINDS), *((JAVASCRIPT, name) for name in OWN_FORMS)]
)
async def test_a_session_with_tools_works(version: str, name: str, tmp_path: Path) -> None:
    kind, files = KINDS[name], parts_with_words(*[100 * CHARACTERS_PER_TOKEN] * 3)
    workspace = workspace_for(make_work_tree(tmp_path / "tree", dict(files)), tmp_path)
    options = ServerOptions(kind.format, documents=kind.documents)
    async with chat_server(PlayedModel(singly=1), options) as server:
        mode = () if kind.mode is None else ("--mode", kind.mode, "--model", kind.model)
        words = (*mode, "--backend-url", server.base_url)
        task = ClientTask(question_about(workspace.tree, files), environment={"OPENROUTER_API_KEY": "sk-or-dummy"})
        run = await run_anyclaude(installed_client(version), workspace, words, task)

    run.check()
    server.check()
    assert run.text == answer_about(files)
    assert [(request.body.model, request.turns_taken) for request in server.requests] == [
        (kind.model, turn) for turn in range(3)
    ]
    assert len(server.requests[-1].tool_results) == len(files) - 1
