"""
The servers we know.

Addresses and field support as their own documentation and the engines' behaviour have it.
"""

from .base import BackendName, BackendProfile

EMBEDDED = BackendProfile(
    name="embedded",
    title="the embedded engine",
    base_url="http://127.0.0.1:0/v1",  # a free port, told when the engine is up
    accepts_named_tool_choice=False,
    template_path="/apply-template",
    tokenize_path="/tokenize",
    token_counting="llamacpp_input_tokens",
    continuation="assistant_prefill",
    keeps_evicted_prompts=True,  # in memory, since `SAME_CONVERSATION_SHARE` tells them apart
)

LLAMACPP = BackendProfile(
    name="llamacpp",
    title="llama.cpp",
    base_url="http://127.0.0.1:8080/v1",
    api_key_variable="LLAMA_API_KEY",
    accepts_named_tool_choice=False,  # an object is read as "auto" (llama.cpp b11549, source and test)
    template_path="/apply-template",
    tokenize_path="/tokenize",
    token_counting="llamacpp_input_tokens",
    continuation="assistant_prefill",
    identity_path="/props",
    identity_marker="default_generation_settings",
    facts_from="llamacpp_props",
    how_to_start="llama-server -m MODEL.gguf --jinja",
    # Its memory (`--cache-ram`) has only prompts that no other one that begins alike took the place of: by default a
    # tenth in common is enough (`--slot-prompt-similarity`).  A session with two sub-agents, one request at a time on a
    # server with its defaults: 32,050 tokens evaluated as they came, 15,900 in the order that spares changes
    # (`benchmarks.cache --own-server`).
    keeps_evicted_prompts=False,
)

LMSTUDIO = BackendProfile(
    name="lmstudio",
    title="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    api_key_variable="LMSTUDIO_API_KEY",
    accepts_named_tool_choice=False,
    identity_path="/api/v0/models",
    identity_marker='"data"',
    parallel_requests=4,
    facts_from="lmstudio_models",
    how_to_start="lms server start",
)

VLLM_MLX = BackendProfile(
    name="vllm-mlx",
    title="vLLM-MLX",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="VLLM_API_KEY",
    identity_path="/v1/models",
    identity_marker="vllm-mlx",
    how_to_start="vllm-mlx serve MODEL",
)

OLLAMA = BackendProfile(
    name="ollama",
    title="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    api_key_variable="OLLAMA_API_KEY",
    accepts_top_k=False,  # its /v1 ignores options; top_k has no field there
    accepts_image_urls=False,  # base64 only (docs: OpenAI compatibility)
    accepts_named_tool_choice=False,  # tool_choice has no effect (docs: OpenAI compatibility)
    identity_path="/api/version",
    identity_marker='"version"',
    facts_from="ollama_show",
    how_to_start="ollama serve",
)

VLLM = BackendProfile(
    name="vllm",
    title="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="VLLM_API_KEY",
    token_counting="vllm_tokenize",
    continuation="continue_final_message",
    identity_path="/version",
    identity_marker='"version"',
    parallel_requests=16,
    how_to_start="vllm serve MODEL --enable-auto-tool-choice --tool-call-parser PARSER",
    keeps_evicted_prompts=True,  # block by block, as long as its memory lasts (docs: automatic prefix caching)
)

OPENROUTER = BackendProfile(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    is_remote=True,
    api_key_variable="OPENROUTER_API_KEY",
    parallel_requests=16,
    keeps_evicted_prompts=True,  # the providers do, for minutes
    conversation_field="session_id",  # its sticky routing key (docs: prompt caching, "Using session_id")
)

GENERIC = BackendProfile(
    name="generic",
    title="an OpenAI-compatible server",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="ANYCLAUDE_API_KEY",
    accepts_top_k=False,
    parallel_requests=4,
)

PROFILES: tuple[BackendProfile, ...] = (
    EMBEDDED,
    LLAMACPP,
    LMSTUDIO,
    VLLM_MLX,
    OLLAMA,
    VLLM,
    OPENROUTER,
    GENERIC,
)


def profile_named(name: BackendName) -> BackendProfile:
    """Return the profile of a kind of server."""
    return next(profile for profile in PROFILES if profile.name == name)
