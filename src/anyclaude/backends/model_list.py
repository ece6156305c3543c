"""
Read what servers say about their models, entry by entry and field by field.

What is odd in one entry costs that entry or that field, never the list.  The shapes: `{"data": […]}` of OpenAI's API, a
bare array, and `{"models": […]}` of Ollama, llama.cpp and LM Studio; an entry may be a name alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from anyclaude.protocol.json_values import JsonObject, JsonValue

WINDOW_NAMES = (
    "loaded_context_length",  # LM Studio: the model as it is loaded
    "max_model_len",  # vLLM, SGLang
    "context_length",  # OpenRouter, Ollama, Together
    "context_window",  # Groq
    "context_size",
    "n_ctx",  # llama.cpp; `n_ctx_train` is what the model was trained for, and `max_context_length` of LM Studio too
    "max_seq_len",  # TabbyAPI, among its parameters
    "max_input_tokens",
)
"""The fields with the real window, the surest first."""

NAME_FIELDS = ("id", "name", "model", "key")
"""OpenAI's field, then Ollama's two, and that of LM Studio's newer list."""

CHAT_TYPES = frozenset({"llm", "vlm", "chat", "language", "text-generation", "completion"})
"""Types that only models have that can chat: LM Studio (`llm`, `vlm`), Together (`chat`, `language`), Hugging Face."""

OTHER_TYPES = re.compile(
    r"embed|rerank|whisper|audio|speech|tts|stt|transcri|image|video|diffusion|moderation|classif", re.IGNORECASE
)
"""Types and tasks that are not chat: LM Studio (`embeddings`), Together (`image`, `rerank`), vLLM (`classify`), …"""

OTHER_NAMES = re.compile(
    r"(?<![a-z0-9])(embed(der|ding|dings)?|(re)?rank(er)?|bge|gte|e5|minilm|nomic-bert|whisper|parakeet|tts|kokoro|bark|"
    r"stable-diffusion|sdxl|flux|dall-e|moderation|colbert|splade)(?![a-z0-9])",
    re.IGNORECASE,
)
"""Parts of the names of models that embed, rank, transcribe, speak or draw."""

LOADED = frozenset({"loaded", "running", "ready", "active", "sleeping"})
LOADING = frozenset({"loading", "starting"})
UNLOADED = frozenset({"unloaded", "not-loaded", "not_loaded", "stopped"})
"""States of llama.cpp's router (`status.value`), LM Studio (`state`), llama-swap."""

NUMBER = re.compile(r"(\d{1,3}(?:[,_]\d{3})+|\d+)(\.\d+)?\s*([km]?)", re.IGNORECASE)
MAX_TOKENS = 2**40
"""No window is larger; infinity is none either."""


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One model of a list; `None` is what the server does not say."""

    name: str
    context_tokens: int | None = None
    is_loaded: bool | None = None
    can_chat: bool = True
    calls_tools: bool | None = None
    sees_images: bool | None = None


def entries_in(document: JsonValue) -> tuple[ModelEntry, ...]:
    """Return the models in a list, in its order."""
    return tuple(entry for item in items_in(document) if (entry := _entry(item)) is not None)


def items_in(document: JsonValue) -> Iterator[JsonObject]:
    """Yield the entries of a list as objects, whichever of the three shapes it has."""
    listed: JsonValue = document
    if isinstance(document, Mapping):
        listed = next((value for name in ("data", "models") if isinstance(value := document.get(name), list)), None)
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping):
            yield item
        elif isinstance(item, str):
            yield {"id": item}


def tokens_in(value: JsonValue) -> int | None:
    """Return a number of tokens: an integer, or a text such as `32768`, `32,768`, `32k` (32 · 1024) or `1M`."""
    if isinstance(value, str) and len(value) < 20 and (found := NUMBER.fullmatch(value.strip())):
        digits = re.sub("[,_]", "", found[1]) + (found[2] or "")
        value = float(digits) * 1024 ** " km".index(found[3].lower() or " ")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_TOKENS:
        return None
    return int(value) or None


def text_in(value: JsonValue) -> str:
    """Return a text that has something in it, else an empty one."""
    return value.strip() if isinstance(value, str) else ""


def object_in(value: JsonValue) -> JsonObject:
    """Return an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def texts_in(value: JsonValue) -> tuple[str, ...]:
    """Return the texts of an array, or the names of an object's true fields."""
    if isinstance(value, Mapping):
        return tuple(name for name, is_there in value.items() if is_there is True or isinstance(is_there, Mapping))
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def is_chat_name(name: str) -> bool:
    """Return whether a name is none of a model that embeds, ranks, transcribes, speaks or draws."""
    return OTHER_NAMES.search(name) is None


def capabilities_chat(capabilities: Sequence[str]) -> bool | None:
    """Return whether capabilities are those of a model that can chat, `None` where they do not say."""
    known = {word.lower() for word in capabilities}
    if known & {"completion", "chat", "completion_chat", "tools"}:
        return True
    return False if any(OTHER_TYPES.search(word) for word in known - {"image", "audio", "video"}) else None


def _entry(item: JsonObject) -> ModelEntry | None:
    name = next((text for field in NAME_FIELDS if (text := text_in(item.get(field)))), None)
    if name is None:
        return None
    capabilities = texts_in(item.get("capabilities"))
    architecture = object_in(item.get("architecture"))
    inputs = texts_in(architecture.get("input_modalities"))
    calls_tools = {"tools", "trained_for_tool_use", "tool_use", "function_calling"} & {*capabilities} or (
        "tools" in texts_in(item.get("supported_parameters"))
    )
    return ModelEntry(
        name=name,
        context_tokens=_window(item),
        is_loaded=_is_loaded(item),
        can_chat=_can_chat(item, name, capabilities),
        calls_tools=True if calls_tools else None,
        sees_images=_sees_images(item, capabilities, inputs),
    )


def _window(item: JsonObject) -> int | None:
    """Return the real window: of OpenRouter's two the smaller, which is what the provider serves."""
    places = (item, object_in(item.get("meta")), object_in(item.get("parameters")))
    own = next((tokens for field in WINDOW_NAMES for place in places if (tokens := tokens_in(place.get(field)))), None)
    served = tokens_in(object_in(item.get("top_provider")).get("context_length"))
    known = [tokens for tokens in (own, served) if tokens is not None]
    return min(known, default=None)


def _is_loaded(item: JsonObject) -> bool | None:
    """Return whether a model is loaded; one that is being loaded will be the loaded one."""
    status = item.get("status")
    states = (status, object_in(status).get("value"), item.get("state"))
    state = next((text for value in states if (text := text_in(value).lower())), "")
    if state in LOADED | LOADING:
        return True
    if state in UNLOADED:
        return False
    loaded = item.get("loaded")
    return loaded if isinstance(loaded, bool) else None


def _can_chat(item: JsonObject, name: str, capabilities: Sequence[str]) -> bool:
    by_capabilities = capabilities_chat(capabilities)
    outputs = texts_in(object_in(item.get("architecture")).get("output_modalities"))
    if by_capabilities is not None:
        return by_capabilities
    if outputs:
        return "text" in outputs
    kind = next((text for field in ("type", "task", "pipeline_tag") if (text := text_in(item.get(field)).lower())), "")
    if kind in CHAT_TYPES:
        return True
    family = text_in(object_in(item.get("details")).get("family")).lower()
    return not OTHER_TYPES.search(kind) and not family.endswith("bert") and is_chat_name(name)


def _sees_images(item: JsonObject, capabilities: Sequence[str], inputs: Sequence[str]) -> bool | None:
    if inputs:
        return "image" in inputs
    if item.get("type") == "vlm" or {"vision", "multimodal"} & {*capabilities}:
        return True
    vision = object_in(item.get("capabilities")).get("vision")
    return vision if isinstance(vision, bool) else None
