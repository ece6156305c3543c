"""vLLM."""

from .base import BackendProfile

VLLM = BackendProfile(
    name="vllm",
    title="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="VLLM_API_KEY",
    # `tool_choice` enforces the schema of arguments only for tools with `strict`, which would be part of the prompt;
    # without, a model with random weights wrote a string (0.32 on a CPU, `tests/real_servers`).
    forces_calls_by="json_schema",
    names_stop_sequences=True,  # `stop_reason`, beside `finish_reason: stop` (docs: OpenAI-compatible server)
    token_counting="vllm_tokenize",
    continuation="continue_final_message",
    counts_cached_tokens=True,  # docs: OpenAI-compatible server, `--enable-prompt-tokens-details`
    identity_path="/version",
    identity_marker='"version"',
    version_path="/version",
    parallel_requests=16,
    model_names="listed",  # adapters too; every other name gets 404 (entrypoints/openai/models: check_model)
    how_to_start="vllm serve MODEL --enable-auto-tool-choice --tool-call-parser PARSER",
    image_types=("image/png", "image/jpeg", "image/webp", "image/gif"),  # Pillow (`vllm/multimodal/media/image.py`)
    keeps_evicted_prompts=True,  # block by block, as long as its memory lasts (docs: automatic prefix caching)
)
