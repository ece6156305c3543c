"""OpenAI's own API."""

from .base import BackendProfile

# The source of each fact: OpenAI's API reference, "Create chat completion".
OPENAI = BackendProfile(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    is_remote=True,
    api_key_variable="OPENAI_API_KEY",
    max_tokens_field="max_completion_tokens",  # reasoning models refuse `max_tokens`
    accepts_top_k=False,
    accepts_reasoning_effort=True,
    counts_cached_tokens=True,  # `prompt_tokens_details` is a part of them
    parallel_requests=16,
    keeps_evicted_prompts=True,  # for minutes (guide: prompt caching)
    image_types=("image/png", "image/jpeg", "image/webp", "image/gif"),  # guide: images and vision
    conversation_field="prompt_cache_key",  # requests with the same key go to the same cache
)
