"""
Read what servers say about their models, entry by entry and field by field.

What is odd in one entry costs that entry or that field, never the list.  The shapes: `{"data": […]}` of OpenAI's API, a
bare array, `{"models": […]}` of Ollama, llama.cpp and LM Studio, a list in the envelope of a gateway (`result`), and an
object with an entry for each name; an entry may be a name alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.protocol.json_values import JsonObject, JsonValue, with_whole_characters

LIST_NAMES = ("data", "models", "result", "results", "items", "model_list")
"""Where a list stands: OpenAI, Ollama, Cloudflare, and lists that are served page by page."""

MAX_ENTRIES = 5_000
"""The entries that are read; OpenRouter lists 400 models, the largest gateways some thousands."""

MAX_ENVELOPES = 3
"""`{"result": {"data": {"models": …}}}`: no server has more around its list."""

WINDOW_NAMES = (
    "loaded_context_length",  # LM Studio: the model as it is loaded
    "max_model_len",  # vLLM, SGLang
    "context_length",  # OpenRouter, Ollama, Together
    "context_window",  # Groq
    "context_size",
    "max_context_window_tokens",  # GitHub Copilot
    "max_context",
    "max_context_tokens",
    "max_sequence_length",
    "context_len",
    "ctx_len",  # Jan
    "num_ctx",  # Open WebUI
    "contextLength",
    "contextWindow",
    "inputTokenLimit",  # Gemini
    "n_ctx",  # llama.cpp; `n_ctx_train` is what the model was trained for, and `max_context_length` of LM Studio too
    "max_seq_len",  # TabbyAPI, among its parameters
    "max_input_tokens",
)
"""The fields with the real window, the surest first."""

WINDOW_PLACES = ("meta", "parameters", "limits", "model_info", "metadata", "settings", "config", "properties")
"""The objects in an entry where the window may stand: llama.cpp, TabbyAPI, GitHub Models, LiteLLM, DeepInfra."""

NAME_FIELDS = ("id", "name", "model", "key", "model_name", "model_id")
"""OpenAI's field, Ollama's two, that of LM Studio's newer list, then LiteLLM's."""

TYPE_FIELDS = ("type", "task", "pipeline_tag", "mode", "model_type")
"""Where the type of a model stands: LM Studio and Together, vLLM, Hugging Face, LiteLLM (`model_info`), others."""

CHAT_TYPES = frozenset({"llm", "vlm", "chat", "language", "text-generation", "text generation", "completion"})
"""Types that only models have that can chat: LM Studio (`llm`, `vlm`), Together (`chat`, `language`), Hugging Face."""

OTHER_TYPES = re.compile(
    r"embed|rerank|whisper|audio|speech|tts|stt|transcri|image|video|diffusion|moderation|classif", re.IGNORECASE
)
"""Types and tasks that are not chat: LM Studio (`embeddings`), Together (`image`, `rerank`), vLLM (`classify`), …"""

OTHER_NAMES = re.compile(
    r"(?<![a-z0-9])(embed(der|\d*|ding\w*)|(re)?rank(er|ing)?|bge|gte|e5|mxbai|minilm|labse|nomic-bert|colbert|splade|paraphrase"
    r"|whisper|parakeet|canary|wav2vec\d*|transcrib\w*|[a-z]?\d?-?tts|xtts|kokoro|bark|piper|chatterbox|silero|musicgen"
    r"|stable-?diffusion|sd(xl|\d)|flux|dall-e|(gpt|qwen|z)-image|mmproj|clip|siglip\d?"
    r"|moderation|(llama-?|prompt-?)?guard(ian|\d)?|shieldgemma)(?![a-z0-9])",
    re.IGNORECASE,
)
"""Parts of the names of models that embed, rank, transcribe, speak, draw or classify."""

LOADED = frozenset({"loaded", "running", "ready", "active", "sleeping"})
LOADING = frozenset({"loading", "starting"})
UNLOADED = frozenset({"unloaded", "not-loaded", "not_loaded", "not loaded", "stopped"})
"""States of llama.cpp's router (`status.value`), LM Studio (`state`), llama-swap."""

OUT_OF_USE = frozenset({"disabled", "offline", "unavailable", "deprecated", "retired", "inactive"})
"""States of gateways."""

IN_USE_FIELDS = ("active", "enabled", "available", "downloaded", "supports_chat")
"""False for a model that cannot be asked: Groq (`active`), Fireworks (`supports_chat`), others."""

NUMBER = re.compile(r"(\d{1,3}(?:[,_]\d{3})+|\d+)(\.\d+)?\s*([km]?)(?:\s*tokens)?", re.IGNORECASE)
MAX_TOKENS = 2**40
"""No window is larger; infinity is none either."""


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One model of a list; `None` is what the server does not say."""

    name: str
    context_tokens: int | None = None
    is_loaded: bool | None = None
    can_chat: bool = True
    """Whether it can be asked to chat, as far as the list shows."""
    aliases: tuple[str, ...] = ()
    """Its other names."""
    parent: str = ""
    """The model that it is an adapter of (vLLM, SGLang); it has the same window."""
    calls_tools: bool | None = None
    sees_images: bool | None = None


def entries_in(document: JsonValue) -> tuple[ModelEntry, ...]:
    """Return the models in a list, in its order."""
    entries = [entry for item in items_in(document) if (entry := _entry(item)) is not None]
    windows = {entry.name: entry.context_tokens for entry in entries}
    return tuple(
        entry if entry.context_tokens else replace(entry, context_tokens=windows.get(entry.parent)) for entry in entries
    )


def items_in(document: JsonValue) -> Iterator[JsonObject]:
    """Yield the entries of a list as objects, whichever of its shapes it has."""
    for item in islice(_listed(document, MAX_ENVELOPES), MAX_ENTRIES):
        if isinstance(item, Mapping):
            yield item
        elif isinstance(item, str):
            yield {"id": item}


def _listed(document: JsonValue, envelopes: int) -> Sequence[JsonValue]:
    """Return a list inside its envelopes: the first that has something in it."""
    if isinstance(document, list):
        return document
    inside = [object_in(document).get(name) for name in LIST_NAMES]
    for value in inside if envelopes else ():
        if listed := _listed(value, envelopes - 1):
            return listed
    named = next((value for value in inside if isinstance(value, Mapping)), {})
    return [{"id": name, **item} for name, item in named.items() if isinstance(item, Mapping)]


def tokens_in(value: JsonValue) -> int | None:
    """Return a number of tokens: an integer, or a text such as `32768`, `32,768`, `32k` (32 · 1024) or `1M`."""
    if isinstance(value, str) and len(value) < 20 and (found := NUMBER.fullmatch(value.strip())):
        digits = re.sub("[,_]", "", found[1]) + (found[2] or "")
        value = float(digits) * 1024 ** " km".index(found[3].lower() or " ")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_TOKENS:
        return None
    return int(value) or None


def text_in(value: JsonValue) -> str:
    """Return a text that has something in it, in whole characters, else an empty one."""
    return with_whole_characters(value).strip() if isinstance(value, str) else ""


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
        can_chat=_is_in_use(item) and _can_chat(item, name, capabilities),
        aliases=texts_in(item.get("aliases")),
        parent=text_in(item.get("parent")),
        calls_tools=True if calls_tools else None,
        sees_images=_sees_images(item, capabilities, inputs),
    )


def _window(item: JsonObject) -> int | None:
    """Return the real window: of OpenRouter's two the smaller, which is what the provider serves."""
    places = [place for place in _places(item) if place]
    own = next((tokens for name in WINDOW_NAMES for place in places if (tokens := tokens_in(place.get(name)))), None)
    served = tokens_in(object_in(item.get("top_provider")).get("context_length"))
    known = [tokens for tokens in (own, served) if tokens is not None]
    return min(known, default=None)


def _places(item: JsonObject) -> tuple[JsonObject, ...]:
    """Return an entry and the objects in it that may have its window or its type."""
    inner = [object_in(item.get(name)) for name in WINDOW_PLACES]
    limits = object_in(object_in(item.get("capabilities")).get("limits"))  # GitHub Copilot
    params = object_in(object_in(item.get("info")).get("params"))  # Open WebUI
    return (item, *inner, limits, params, object_in(inner[0].get("llamaswap")))


def _is_loaded(item: JsonObject) -> bool | None:
    """Return whether a model is loaded; one that is being loaded will be the loaded one."""
    status = item.get("status")
    states = (status, object_in(status).get("value"), item.get("state"))
    state = next((text for value in states if (text := text_in(value).lower())), "")
    if state in LOADED | LOADING:
        return True
    if state in UNLOADED:
        return False
    return next((loaded for name in ("loaded", "is_loaded") if isinstance(loaded := item.get(name), bool)), None)


def _is_in_use(item: JsonObject) -> bool:
    """Return whether a list does not say that a model cannot be asked."""
    states = (text_in(item.get(name)).lower() for name in ("status", "state"))
    is_off = item.get("disabled") is True or any(item.get(name) is False for name in IN_USE_FIELDS)
    return not is_off and OUT_OF_USE.isdisjoint(states)


def _can_chat(item: JsonObject, name: str, capabilities: Sequence[str]) -> bool:
    by_capabilities = capabilities_chat(capabilities)
    outputs = texts_in(object_in(item.get("architecture")).get("output_modalities"))
    outputs = outputs or texts_in(item.get("supported_output_modalities"))  # GitHub Models
    if by_capabilities is not None:
        return by_capabilities
    if outputs:
        return "text" in outputs
    kind = _kind(item)
    if kind in CHAT_TYPES:
        return True
    routes = texts_in(item.get("supported_endpoint_types"))  # one-api and its kin
    family = text_in(object_in(item.get("details")).get("family")).lower()
    is_other = bool(OTHER_TYPES.search(kind)) or (bool(routes) and all(map(OTHER_TYPES.search, routes)))
    return not is_other and not family.endswith("bert") and is_chat_name(name)


def _kind(item: JsonObject) -> str:
    """Return the type of a model in lower case, empty where the list does not say it."""
    places = (item, object_in(item.get("model_info")), object_in(item.get("capabilities")))  # the last: GitHub Copilot
    values = (place.get(name) for place in places for name in TYPE_FIELDS)
    texts = (text_in(value) or text_in(object_in(value).get("name")) for value in values)  # an object: Cloudflare
    return next((text.lower() for text in texts if text and text.lower() != "model"), "")


def _sees_images(item: JsonObject, capabilities: Sequence[str], inputs: Sequence[str]) -> bool | None:
    if inputs:
        return "image" in inputs
    if item.get("type") == "vlm" or {"vision", "multimodal"} & {*capabilities}:
        return True
    vision = object_in(item.get("capabilities")).get("vision")
    return vision if isinstance(vision, bool) else None
