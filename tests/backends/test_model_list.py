"""Lists of models are read entry by entry, and field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.backends.model_list import MAX_ENTRIES, ModelEntry, entries_in, tokens_in
from anyclaude.protocol.json_values import JsonObject, JsonValue

ENTRY: JsonObject = {"id": "m", "context_length": 65536}
READ = (ModelEntry(name="m", context_tokens=65536),)


def only(**fields: JsonValue) -> ModelEntry:
    (entry,) = entries_in([{"id": "m", **fields}])
    return entry


@pytest.mark.parametrize(
    "document",
    [
        [ENTRY],
        {"data": [ENTRY]},
        {"models": [ENTRY]},
        {"data": [ENTRY], "models": [{"name": "other"}]},
        {"models": [{"name": "m", "context_length": 65536}], "data": None},
        {"data": [], "models": [ENTRY]},
        {"result": [ENTRY], "success": True},  # Cloudflare
        {"code": 0, "data": {"data": [ENTRY]}},
        {"data": {"models": [ENTRY]}},
        {"models": {"m": {"context_length": 65536}}},
        {"data": {"m": {"context_length": 65536}, "odd": None}},
        {"count": 1, "next": None, "results": [ENTRY]},
        {"object": "list", "data": [{}, {"id": 5}, {"id": None}, {"id": " "}, " ", None, 7, [], ENTRY]},
    ],
)
def test_a_list_has_many_shapes_and_odd_entries_are_passed_over(document: JsonValue) -> None:
    assert entries_in(document) == READ


def test_an_adapter_has_the_window_of_its_model() -> None:
    adapter = {"id": "sql-lora", "parent": "base", "max_model_len": None}

    assert [entry.context_tokens for entry in entries_in([adapter, {"id": "base", "max_model_len": 4096}])] == [
        4096
    ] * 2


def test_an_entry_may_be_a_name_alone() -> None:
    assert entries_in(["m", "whisper"]) == (ModelEntry(name="m"), ModelEntry(name="whisper", can_chat=False))


@pytest.mark.parametrize("document", [None, {}, [], "x", 5, {"data": "nonsense"}, {"error": {"message": "x"}}])
def test_what_is_no_list_has_no_models(document: JsonValue) -> None:
    assert entries_in(document) == ()


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (32768, 32768),
        (32768.0, 32768),
        ("32768", 32768),
        (" 32,768 ", 32768),
        ("32_768", 32768),
        ("32k", 32768),
        ("128 K", 131072),
        ("1M", 1048576),
        ("1.5k", 1536),
        (0, None),
        (-1, None),
        (True, None),
        ("", None),
        ("many", None),
        ("k", None),
        (None, None),
        ([32768], None),
        (1e300, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_window_is_a_number_or_a_text_of_one(value: JsonValue, tokens: int | None) -> None:
    assert tokens_in(value) == tokens


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"context_window": 4096}, 4096),
        ({"n_ctx": 4096}, 4096),
        ({"parameters": {"max_seq_len": 4096}}, 4096),
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 131072}}, 4096),
        ({"meta": {"n_ctx_train": 131072}}, None),
        ({"n_ctx_train": 131072}, None),
        ({"max_context_length": 131072}, None),
        ({"max_context_length": 131072, "loaded_context_length": 4096}, 4096),
        ({"max_model_len": None, "context_length": 4096}, 4096),
        ({"max_model_len": "odd", "context_length": 4096}, 4096),
        ({"context_length": 200000, "top_provider": {"context_length": 4096}}, 4096),
        ({"context_length": 4096, "top_provider": {"context_length": None}}, 4096),
        ({"context_length": 4096, "top_provider": "odd", "meta": "odd"}, 4096),
        ({"top_provider": {"context_length": 4096}}, 4096),
        ({"limits": {"max_input_tokens": 4096}}, 4096),  # GitHub Models
        ({"capabilities": {"limits": {"max_context_window_tokens": 4096, "max_prompt_tokens": 2048}}}, 4096),
        ({"model_info": {"max_input_tokens": 4096, "max_tokens": 512}}, 4096),  # LiteLLM; the other is of the reply
        ({"meta": {"llamaswap": {"context_length": 4096}}}, 4096),
        ({"info": {"params": {"num_ctx": 4096}}}, 4096),  # Open WebUI
        ({"max_context": 4096}, 4096),  # hermes-agent pull 81442
        ({"max_tokens": 4096, "max_completion_tokens": 4096, "max_output_tokens": 4096}, None),
        ({"context_length": "4096 tokens"}, 4096),
    ],
)
def test_the_window_has_many_names_and_the_trained_length_is_none_of_them(
    fields: dict[str, JsonValue], tokens: int | None
) -> None:
    assert only(**fields).context_tokens == tokens


@pytest.mark.parametrize(
    ("fields", "is_loaded"),
    [
        ({"status": {"value": "loaded"}}, True),
        ({"status": {"value": "loading"}}, True),
        ({"status": {"value": "sleeping"}}, True),
        ({"status": {"value": "unloaded"}}, False),
        ({"status": "loaded"}, True),
        ({"state": "loaded"}, True),
        ({"state": "not-loaded"}, False),
        ({"loaded": True}, True),
        ({"status": {"value": 5}}, None),
        ({"status": 5, "state": "loaded"}, True),
        ({}, None),
    ],
)
def test_whether_a_model_is_loaded_is_read(fields: dict[str, JsonValue], is_loaded: bool | None) -> None:
    assert only(**fields).is_loaded is is_loaded


@pytest.mark.parametrize(
    ("fields", "can_chat"),
    [
        ({"type": "llm"}, True),
        ({"type": "vlm"}, True),
        ({"type": "chat", "id": "my-embed-chat"}, True),
        ({"type": "embeddings"}, False),
        ({"type": "embedding"}, False),
        ({"type": "rerank"}, False),
        ({"type": "image"}, False),
        ({"task": "embed"}, False),
        ({"pipeline_tag": "automatic-speech-recognition"}, False),
        ({"capabilities": ["embedding"]}, False),
        ({"capabilities": ["completion", "embedding"]}, True),
        ({"capabilities": ["completion"], "id": "bge-chat"}, True),
        ({"capabilities": ["vision"]}, True),
        ({"capabilities": {"completion_chat": True, "vision": False}}, True),
        ({"capabilities": None, "type": None}, True),
        ({"architecture": {"output_modalities": ["text"]}}, True),
        ({"architecture": {"output_modalities": ["image"]}}, False),
        ({"details": {"family": "nomic-bert"}, "id": "plain"}, False),
        ({"details": {"family": "qwen3"}}, True),
        ({"object": "model", "type": "model"}, True),
        ({"capabilities": {"type": "embeddings"}}, False),  # GitHub Copilot
        ({"capabilities": {"type": "chat"}}, True),
        ({"supported_output_modalities": ["embeddings"]}, False),  # GitHub Models
        ({"model_info": {"mode": "embedding"}}, False),  # LiteLLM
        ({"model_info": {"mode": "chat"}}, True),
        ({"task": {"name": "Text Embeddings"}}, False),  # Cloudflare
        ({"task": {"name": "Text Generation"}}, True),
        ({"supported_endpoint_types": ["embeddings"]}, False),  # one-api
        ({"supported_endpoint_types": ["openai", "embeddings"]}, True),
        ({"active": False}, False),  # Groq
        ({"enabled": False, "type": "llm"}, False),
        ({"disabled": True}, False),
        ({"status": "offline"}, False),
        ({"active": True, "enabled": None, "disabled": False, "status": "online"}, True),
    ],
)
def test_types_and_capabilities_say_whether_a_model_can_chat(fields: dict[str, JsonValue], can_chat: bool) -> None:
    assert only(**fields).can_chat is can_chat


@pytest.mark.parametrize(
    ("name", "can_chat"),
    [
        ("nomic-embed-text:latest", False),
        ("text-embedding-3-small", False),
        ("Qwen/Qwen3-Embedding-0.6B", False),
        ("BAAI/bge-m3", False),
        ("jina-reranker-v2", False),
        ("openai/whisper-large-v3", False),
        ("tts-1-hd", False),
        ("stable-diffusion-xl", False),
        ("all-minilm:22m", False),
        ("intfloat/e5-large", False),
        ("snowflake-arctic-embed2", False),
        ("embeddinggemma-300m", False),
        ("gpt-4o-transcribe", False),
        ("xtts_v2", False),
        ("llama-guard3", False),
        ("qwen-image", False),
        ("qwen3-coder:30b", True),
        ("image-describer", True),
        ("safeguarded-7b", True),
        ("Qwen2.5-Coder-0.5B", True),
        ("mistral-large2e5", True),
        ("llama-3.1-8b-instruct", True),
        ("embedded-engineer", True),
        ("gpt-oss:20b", True),
    ],
)
def test_where_nothing_else_says_it_the_name_does(name: str, can_chat: bool) -> None:
    (entry,) = entries_in([{"id": name}])

    assert entry.can_chat is can_chat


@pytest.mark.parametrize(
    ("fields", "sees_images"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"architecture": {"input_modalities": ["text"]}}, False),
        ({"type": "vlm"}, True),
        ({"capabilities": ["completion", "vision"]}, True),
        ({"capabilities": {"vision": False}}, False),
        ({}, None),
    ],
)
def test_whether_a_model_sees_is_read(fields: dict[str, JsonValue], sees_images: bool | None) -> None:
    assert only(**fields).sees_images is sees_images


FIELDS = st.sampled_from(
    ("id", "name", "key", "type", "state", "status", "meta", "capabilities", "architecture", "details", "loaded")
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
INNER = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(["value", "family"]), PLAIN, max_size=2)
ODD = st.dictionaries(FIELDS, INNER, max_size=8)


@given(st.lists(ODD, max_size=4), st.lists(INNER, max_size=3))
def test_no_entry_costs_another_one(odd: list[dict[str, JsonValue]], more: list[JsonValue]) -> None:
    assert READ[0] in entries_in({"data": [*odd, *more, ENTRY, *more, *odd]})


def test_of_a_list_without_an_end_only_the_beginning_is_read() -> None:
    entries = entries_in({"data": [{"id": "a"}] * (MAX_ENTRIES + 1)})

    assert len(entries) == MAX_ENTRIES
