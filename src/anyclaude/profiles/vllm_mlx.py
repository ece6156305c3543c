"""vLLM-MLX, for Apple silicon."""

from .base import BackendProfile

VLLM_MLX = BackendProfile(
    name="vllm-mlx",
    title="vLLM-MLX",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="VLLM_API_KEY",
    identity_path="/v1/models",
    identity_marker="vllm-mlx",
    running_path="/v1/status",
    how_to_start="vllm-mlx serve MODEL",
)
