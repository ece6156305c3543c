"""OpenRouter, which routes to models of many providers."""

from .base import BackendProfile

OPENROUTER = BackendProfile(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    is_remote=True,
    api_key_variable="OPENROUTER_API_KEY",
    counts_cached_tokens=True,  # docs: usage accounting, `prompt_tokens_details`
    parallel_requests=16,
    model_names="listed",
    variant_marks=":@",  # `:free`, `:nitro`, `@preset/…` (docs: model variants, presets)
    keeps_evicted_prompts=True,  # the providers do, for minutes
    image_types=("image/png", "image/jpeg", "image/webp", "image/gif"),  # docs: image inputs
    conversation_field="session_id",  # its sticky routing key (docs: prompt caching, "Using session_id")
)
