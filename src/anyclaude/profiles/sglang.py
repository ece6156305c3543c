"""SGLang."""

from .base import BackendProfile

# The source of each fact: `sglang/srt/entrypoints` of release 0.5.23.
SGLANG = BackendProfile(
    name="sglang",
    title="SGLang",
    base_url="http://127.0.0.1:30000/v1",
    api_key_variable="SGLANG_API_KEY",
    names_stop_sequences=True,  # `matched_stop`
    counts_cached_tokens=True,  # `openai/usage_processor.py`
    token_counting="vllm_tokenize",  # the same question and answer
    continuation="continue_final_message",
    identity_path="/v1/models",
    identity_marker='"sglang"',  # `owned_by`
    version_path="/get_server_info",  # newer releases also call it `/server_info`
    parallel_requests=16,
    image_types=("image/png", "image/jpeg", "image/webp", "image/gif"),  # Pillow (`sglang/srt/utils`: load_image)
    keeps_evicted_prompts=True,  # block by block, as long as its memory lasts (docs: RadixAttention)
    how_to_start="sglang serve --model-path MODEL --tool-call-parser PARSER",
)
