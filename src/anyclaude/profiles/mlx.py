"""mlx_lm.server, the server of Apple's MLX LM."""

from .base import BackendProfile

# The source of each fact: `mlx_lm/server.py` of release 0.32.2.
MLX = BackendProfile(
    name="mlx",
    title="mlx_lm.server",
    base_url="http://127.0.0.1:8080/v1",
    accepts_named_tool_choice=False,  # `tool_choice` and `response_format` are not read
    forces_calls_by="words",
    reply_format="words",
    counts_cached_tokens=True,  # the length of the prompt
    # Its list of models does not look at what follows `/v1/models`: elsewhere this path is a model that does not exist.
    identity_path="/v1/models/anyclaude/none",
    identity_marker='{"object": "list", "data": [',
    started_model="default_model",  # the list holds every model of the Hugging Face cache; naming one loads it
    parallel_requests=8,  # `--prompt-concurrency`; 32 replies are generated at once (`--decode-concurrency`)
    keeps_evicted_prompts=True,  # the ten used last (`--prompt-cache-size`)
    how_to_start="mlx_lm.server --model MODEL",
)
