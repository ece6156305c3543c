"""
Servers that no registry has, as their documentation describes what they send.

Each is a row: the documents in which it describes itself, how it encodes a reply, and how it refuses a prompt that is
too long.  Sources stand beside the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.parts.server_documents import LMSTUDIO, OLLAMA, OPENROUTER, VLLM, VLLM_MLX

from anyclaude.protocol.json_values import JsonValue

from .capabilities import CapabilityName


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedKind:
    """One kind of server."""

    title: str
    kind: str
    """The row of the table of profiles for which the gateway has to take it."""
    words: tuple[str, ...] = ()
    """The words for `anyclaude serve`, besides the address, that its documentation asks for."""
    documents: Mapping[str, JsonValue]
    model: str
    context_tokens: int
    reasoning_field: str
    """The field of a delta that holds reasoning."""
    overflow_status: int
    overflow: str
    """The body that refuses a prompt which is too long."""
    image_refusal: str
    """The words for an image if the model cannot see."""
    reports_cached_tokens: bool = True
    cannot: Mapping[CapabilityName, str] = field(default_factory=lambda: MappingProxyType({}))


LM_STUDIO = ScriptedKind(
    title="LM Studio",
    kind="lmstudio",
    documents=LMSTUDIO,  # REST API v0: state, max_context_length, loaded_context_length
    model="busy",
    context_tokens=32_768,
    reasoning_field="reasoning_content",  # its setting "separate reasoning_content"; `reasoning` for gpt-oss
    image_refusal="Model does not support images. Please use a model that does.",  # its bug tracker, issue 908
    overflow_status=400,
    overflow='{"error":"Trying to keep the first 40100 tokens when context the overflows. However, the model is loaded '
    "with context length of only 32768 tokens, which is not enough. Try to load the model with a larger context "
    'length, or provide a shorter input"}',  # its bug tracker, under this wording
    reports_cached_tokens=False,
    cannot={"cached_tokens": "does not report them"},
)
OLLAMA_KIND = ScriptedKind(
    title="Ollama",
    kind="ollama",
    documents=OLLAMA,  # API documentation: /api/ps, /api/show
    model="qwen3:8b",
    context_tokens=65_536,
    reasoning_field="reasoning",  # openai/openai.go: Message
    image_refusal="this model is missing data required for image input",  # model/model.go
    overflow_status=400,
    overflow='{"error":{"message":"prompt too long; exceeded max context length by 4106 tokens",'
    '"type":"invalid_request_error","param":null,"code":null}}',  # server/prompt.go, where truncation is off
    reports_cached_tokens=False,
    cannot={"cached_tokens": "does not report them"},
)
SGLANG = ScriptedKind(
    title="SGLang",
    kind="sglang",
    documents={
        "/v1/models": {"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "sglang", "max_model_len": 40_960}]},
        "/health": {},
    },
    model="Qwen/Qwen3-8B",
    context_tokens=40_960,
    reasoning_field="reasoning_content",  # documentation: separate reasoning
    # managers/tokenizer_manager.py
    image_refusal="Multimodal inputs are not supported when --language-model-only is set",
    overflow_status=400,
    overflow='{"object":"error","message":"The input (45000 tokens) is longer than the model\'s context length '
    '(40960 tokens).","type":"BadRequestError","param":null,"code":400}',  # managers/tokenizer_manager.py
)
OPEN_ROUTER = ScriptedKind(
    title="OpenRouter",
    kind="openrouter",
    words=("--mode", "openrouter", "--model", "a/small"),
    documents=OPENROUTER,  # API reference: context_length of each model
    model="a/small",
    context_tokens=8_192,
    reasoning_field="reasoning",  # documentation: reasoning tokens
    image_refusal="No endpoints found that support image input",  # its own answer
    overflow_status=400,
    overflow='{"error":{"message":"This endpoint\'s maximum context length is 8192 tokens. However, you requested '
    "about 9100 tokens (9000 of text input, 100 in the output). Please reduce the length of either one, or use the "
    '\\"middle-out\\" transform to compress your prompt automatically.","code":400}}',  # documentation: transforms
    cannot={
        "found": "is on the internet: `--mode openrouter` chooses it",
        "model": "has hundreds; `--model` names one",
        "loading": "has no model to load",
    },
)

KINDS: tuple[ScriptedKind, ...] = (LM_STUDIO, OLLAMA_KIND, SGLANG, OPEN_ROUTER)
"""The kinds that only scripted servers show."""


def _scripted_too(
    title: str, kind: str, documents: Mapping[str, JsonValue], model: str, reasoning_field: str
) -> ScriptedKind:
    return ScriptedKind(
        title=title,
        kind=kind,
        documents=documents,
        model=model,
        context_tokens=40_960,
        reasoning_field=reasoning_field,
        overflow_status=400,
        overflow="{}",
        image_refusal="",
    )


VLLM_KIND = _scripted_too("vllm", "vllm", VLLM, "Qwen/Qwen3-8B", "reasoning")
REAL_KINDS: tuple[ScriptedKind, ...] = (
    # The fields of reasoning: vllm/entrypoints/openai/chat_completion/protocol.py, mlx_lm/server.py,
    # vllm_mlx/api/models.py and transformers/cli/serving/chat_completion.py, in the versions of the table of servers.
    VLLM_KIND,
    # The field is in its program and its control page (0.6.6).
    _scripted_too("dasllama", "generic", {"/v1/models": {"data": [{"id": "m"}]}}, "m", "reasoning_content"),
    _scripted_too("vllm-mlx", "vllm-mlx", VLLM_MLX, "mlx-community/Qwen3-8B-4bit", "reasoning_content"),
    _scripted_too("mlx_lm", "generic", {"/v1/models": {"data": [{"id": "m"}]}}, "m", "reasoning"),
    _scripted_too("transformers", "generic", {"/v1/models": {"data": [{"id": "m"}]}}, "m", "reasoning_content"),
)
"""Servers of the other table, for what no model of the tests makes them send: reasoning, and calls in a text."""


def kind_titled(title: str) -> ScriptedKind:
    """Return a row of either table; raises `StopIteration`."""
    return next(kind for kind in (*KINDS, *REAL_KINDS) if kind.title == title)
