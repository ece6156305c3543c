"""The documents in which each kind of server describes itself, by path."""

from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import JsonObject, JsonValue

LLAMACPP: dict[str, JsonValue] = {
    "/props": {
        "default_generation_settings": {"n_ctx": 16384, "params": {}},
        "total_slots": 4,
        "model_alias": "qwen",
        "modalities": {"vision": False, "audio": False},
        "build_info": "b11549-86a2835",
    },
    "/v1/models": {"object": "list", "data": [{"id": "qwen", "meta": {"n_ctx_train": 131072}}]},
}
LLAMACPP_ROUTER: dict[str, JsonValue] = {
    "/props": {
        "role": "router",
        "max_instances": 4,
        "default_generation_settings": {"params": {}, "n_ctx": 0},
        "model_alias": "llama-server",
        "build_info": "b11669",
    },
    "/props?model=org%2Fbusy%3AQ4": {
        "default_generation_settings": {"n_ctx": 65536},
        "total_slots": 2,
        "model_alias": "org/busy:Q4",
        "modalities": {"vision": True},
    },
    "/v1/models": {
        "data": [
            {"id": "org/idle", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
            {"id": "org/busy:Q4", "owned_by": "llamacpp", "status": {"value": "loaded"}},
        ]
    },
}
"""The router of llama-server, which starts a server for each model (README of the server, "Model management")."""

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
LMSTUDIO_V1: dict[str, JsonValue] = {
    **LMSTUDIO,
    "/api/v1/models": {
        "models": [
            {"key": "embedder", "type": "embedding", "loaded_instances": [{"id": "embedder", "config": {}}]},
            {"key": "idle", "type": "llm", "loaded_instances": [], "max_context_length": 131072},
            {
                "key": "busy",
                "type": "llm",
                "loaded_instances": [
                    {"id": "busy:2", "config": {"context_length": 49152}},
                    {"id": "busy", "config": {"context_length": 8192}},
                ],
                "max_context_length": 131072,
                "capabilities": {"vision": True, "trained_for_tool_use": True},
            },
        ]
    },
}
"""LM Studio 0.4 (docs: REST API v1, "List your models")."""

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
MLX_MODELS: JsonValue = {
    "object": "list",
    "data": [
        {"id": "mlx-community/A-4bit", "object": "model", "created": 1},
        {"id": "mlx-community/B-4bit", "object": "model", "created": 1},
    ],
}
MLX: dict[str, JsonValue] = {
    "/v1/models": MLX_MODELS,
    "/v1/models/anyclaude/none": {"object": "list", "data": []},
    "/health": {"status": "ok"},
}
"""mlx_lm.server 0.32.2, started with a model of the Hugging Face cache; its list names all of them."""

SGLANG: dict[str, JsonValue] = {
    "/v1/models": {"data": [{"id": "qwen", "owned_by": "sglang", "max_model_len": None}]},
    "/get_server_info": {"model_path": "qwen", "context_length": 24576, "version": "0.5.3"},
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
    "sglang": SGLANG,
    "mlx": MLX,
}


def listed(model: str, **more: JsonValue) -> JsonObject:
    """Return the list of the models of a server that has one."""
    described: JsonObject = {"id": model, "object": "model", "created": 1_700_000_000, "owned_by": "someone", **more}
    return {"object": "list", "data": [described]}


def scripted_llamacpp(model: str, window: int) -> dict[str, JsonValue]:
    """Return the documents of llama.cpp's server with this model and window, as the scripted server plays it."""
    props: JsonObject = {
        "default_generation_settings": {"n_ctx": window},
        "total_slots": 4,
        "model_alias": model,
        "model_path": f"/models/{model}.gguf",
        "modalities": {"vision": True, "audio": False},
        "chat_template_caps": {"supports_tools": True, "supports_tool_calls": True, "supports_system_role": True},
        "build_info": "b0-scripted",
    }
    models = listed(model, owned_by="llamacpp", meta={"n_ctx": window, "n_ctx_train": window})
    return {"/v1/models": models, "/props": props, "/health": {"status": "ok"}}


def scripted_vllm(model: str, window: int) -> dict[str, JsonValue]:
    """Return the documents of vLLM with this model and window."""
    return {**VLLM, "/v1/models": listed(model, owned_by="vllm", max_model_len=window)}


def scripted_ollama(model: str, window: int | None) -> dict[str, JsonValue]:
    """Return the documents of Ollama with a model that is loaded with this window, or not loaded yet."""
    loaded: list[JsonValue] = [] if window is None else [{"name": model, "context_length": window}]
    tags: JsonValue = {"models": [{"name": model}]}
    return {**OLLAMA, "/api/tags": tags, "/api/ps": {"models": loaded}, "/api/show": {"model_info": {}}}
