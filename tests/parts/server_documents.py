"""The documents in which each kind of server describes itself, by path."""

from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import JsonValue

LLAMACPP: dict[str, JsonValue] = {
    "/props": {"default_generation_settings": {"n_ctx": 16384, "params": {}}, "total_slots": 4, "model_alias": "qwen"},
    "/v1/models": {"object": "list", "data": [{"id": "qwen", "meta": {"n_ctx_train": 131072}}]},
}
LMSTUDIO: dict[str, JsonValue] = {
    "/api/v0/models": {
        "data": [
            {"id": "embedder", "type": "embeddings", "state": "loaded"},
            {"id": "idle", "type": "llm", "state": "not-loaded", "max_context_length": 131072},
            {
                "id": "busy",
                "type": "vlm",
                "state": "loaded",
                "max_context_length": 131072,
                "loaded_context_length": 32768,
            },
        ]
    },
    "/v1/models": {"data": []},
}
OLLAMA: dict[str, JsonValue] = {
    "/api/version": {"version": "0.13.0"},
    "/api/tags": {"models": [{"name": "small:latest"}, {"name": "qwen3:8b"}]},
    "/api/ps": {"models": [{"name": "qwen3:8b", "context_length": 65536}]},
    "/api/show": {"parameters": 'stop "x"\nnum_ctx                        12288\n', "model_info": {}},
    "/v1/models": {"data": [{"id": "small:latest"}]},
}
VLLM: dict[str, JsonValue] = {
    "/version": {"version": "0.14.0"},
    "/v1/models": {"data": [{"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40960}]},
}
VLLM_MLX: dict[str, JsonValue] = {
    "/v1/models": {"data": [{"id": "mlx-community/Qwen3-8B-4bit", "owned_by": "vllm-mlx"}]},
}
OPENROUTER: dict[str, JsonValue] = {
    "/v1/models": {"data": [{"id": "a/small", "context_length": 8192}, {"id": "z/large", "context_length": 1000000}]},
}

SERVERS: dict[BackendName, dict[str, JsonValue]] = {
    "llamacpp": LLAMACPP,
    "lmstudio": LMSTUDIO,
    "vllm-mlx": VLLM_MLX,
    "ollama": OLLAMA,
    "vllm": VLLM,
}
