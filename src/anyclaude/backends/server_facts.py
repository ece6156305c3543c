"""
Ask a server for its models, and for the real size of the window.

The shapes of the answers: llama.cpp b11549 (`/props`, tried) and its router (`/props?model=`, README of the server), LM
Studio's REST documentation (`/api/v0/models`, `/api/v1/models`), Ollama's API documentation (`/api/ps`, `/api/show`,
`/api/tags`, `/api/version`), vLLM's `max_model_len` and `/version`, SGLang's `/get_server_info`, and OpenRouter's
`context_length` in `/v1/models`.  What a server does not report stays `None`.  The questions can be asked at any time,
also of a server that answers requests meanwhile.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import assert_never
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_lenient_json, encode_json

from .base import Backend
from .model_list import (
    ModelEntry,
    capabilities_chat,
    entries_in,
    object_in,
    text_in,
    texts_in,
    tokens_in,
)
from .probe import MODELS
from .query import QueryReply, query

NEEDED_TOKENS = 32_768
"""The window in which Claude Code works well: its own prompt takes up to 20,400 tokens (docs/diets.md)."""

MAX_SHOWN_MODELS = 8
"""How many of Ollama's models are asked for their capabilities, newest first."""


BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerFacts(Struct, frozen=True, kw_only=True):
    """
    What a server reports.

    `models` are those that can chat, in the server's order; `default_model` is the one to use if none is chosen: the
    loaded one, else the first.  `context_tokens` is the window of the model that was asked about, `parallel_requests`
    the number of requests served at once, `note` a sentence about the window for the user.
    """

    models: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    """The names that it knows beside `models`: aliases, and models that are not known to chat."""
    windows: dict[str, int] = {}
    """The windows of the models that it reports one for, by name."""
    loaded_model: str | None = None
    default_model: str | None = None
    context_tokens: int | None = None
    parallel_requests: int | None = None
    version: str | None = None
    sees_images: bool | None = None
    is_router: bool = False
    note: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the server knows."""
        return (*self.models, *self.other_names)


async def ask_facts(backend: Backend, within_seconds: float, model: str | None) -> ServerFacts:
    """Return the server's facts, about `model` if one is named, else about the model it would use."""
    server = _Server(backend, within_seconds)
    source = backend.target.profile.facts_from
    match source:
        case "llamacpp_props":
            return await _llamacpp(server, model)
        case "lmstudio_models":
            return await _lmstudio(server, model)
        case "ollama_show":
            return await _ollama(server, model)
        case "openai_models":
            return await _openai(server, model)
        case _:
            assert_never(source)


class _Server(Struct, frozen=True):
    """A server that is asked for its facts, and the time limit of each question."""

    backend: Backend
    within_seconds: float

    async def answer(self, request: WireRequest) -> JsonValue:
        """Return the answer, `None` where the server has none."""
        try:
            reply = await query(self.backend, request, self.within_seconds)
        except BackendError:
            return None
        return _document(reply)

    async def get(self, path: str) -> JsonObject:
        """Return the object at a path from the server's root, an empty one where there is none."""
        return object_in(await self.answer(WireRequest(path, accept="*/*", at_root=True, method="GET")))

    async def entries(self, request: WireRequest = MODELS) -> tuple[ModelEntry, ...]:
        """Return the models in a list."""
        return entries_in(await self.answer(request))


class _Choice(Struct, frozen=True):
    """The models of a list that can chat, and the one that the facts are about."""

    listed: tuple[ModelEntry, ...]
    asked: ModelEntry | None
    default: str | None

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        return tuple(entry for entry in self.listed if entry.can_chat)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.name for entry in self.entries))

    @property
    def other_names(self) -> tuple[str, ...]:
        return _other_names(self.listed, self.names)

    @property
    def windows(self) -> dict[str, int]:
        return {entry.name: entry.context_tokens for entry in self.entries if entry.context_tokens}

    @property
    def loaded(self) -> str | None:
        return next((entry.name for entry in self.entries if entry.is_loaded), None)


def _choice(listed: tuple[ModelEntry, ...], model: str | None) -> _Choice:
    """Choose among listed models; a named one counts whatever the list says of it."""
    entries = tuple(entry for entry in listed if entry.can_chat)
    default = next((entry for entry in entries if entry.is_loaded), None) or next(iter(entries), None)
    asked = _named(listed, model) if model else default
    return _Choice(listed, asked, default.name if default else None)


def _other_names(listed: Iterable[ModelEntry], names: Iterable[str]) -> tuple[str, ...]:
    """Return every name in a list but these."""
    every = (name for entry in listed for name in (entry.name, *entry.aliases))
    return tuple(name for name in dict.fromkeys(every) if name not in {*names})


def _named(listed: tuple[ModelEntry, ...], model: str) -> ModelEntry | None:
    """Return the model with a name, else the one that has it for an alias."""
    own = next((entry for entry in listed if entry.name == model), None)
    return own or next((entry for entry in listed if model in entry.aliases), None)


async def _llamacpp(server: _Server, model: str | None) -> ServerFacts:
    props, listed = await asyncio.gather(server.get("/props"), server.entries())
    choice = _choice(listed, model)
    if props.get("role") == "router":
        return await _llamacpp_router(server, choice, props)
    alias = text_in(props.get("model_alias"))
    name = alias if alias in choice.names else choice.default or alias or None
    return ServerFacts(
        models=choice.names,
        other_names=choice.other_names if not alias or alias in choice.names else (*choice.other_names, alias),
        loaded_model=name,
        default_model=name,
        context_tokens=_props_window(props) or (choice.asked.context_tokens if choice.asked else None),
        parallel_requests=tokens_in(props.get("total_slots")),
        version=text_in(props.get("build_info")) or None,
        sees_images=_props_vision(props),
    )


async def _llamacpp_router(server: _Server, choice: _Choice, props: JsonObject) -> ServerFacts:
    """Return the facts of a router, which knows a model's window once it is loaded; a question would load it."""
    asked = choice.asked
    own = (
        await server.get(f"/props?model={quote(asked.name, safe='')}") if asked and asked.is_loaded is not False else {}
    )
    return ServerFacts(
        models=choice.names,
        other_names=choice.other_names,
        windows=choice.windows,
        loaded_model=choice.loaded,
        default_model=choice.default,
        context_tokens=_props_window(own) or (asked.context_tokens if asked else None),
        parallel_requests=tokens_in(own.get("total_slots")),
        version=text_in(props.get("build_info")) or None,
        sees_images=_props_vision(own),
        is_router=True,
    )


def _props_window(props: JsonObject) -> int | None:
    return tokens_in(object_in(props.get("default_generation_settings")).get("n_ctx"))


def _props_vision(props: JsonObject) -> bool | None:
    vision = object_in(props.get("modalities")).get("vision")
    return vision if isinstance(vision, bool) else None


async def _lmstudio(server: _Server, model: str | None) -> ServerFacts:
    """Return the facts; the newer list names the instances that are loaded, under which requests reach them."""
    newer, older = await asyncio.gather(server.get("/api/v1/models"), server.get("/api/v0/models"))
    is_hidden = "models" not in newer and "data" not in older
    choice = _choice(await server.entries() if is_hidden else _instances(newer) or entries_in(older), model)
    return ServerFacts(
        models=choice.names,
        other_names=(*choice.other_names, *_other_names(entries_in(newer), choice.names)),
        windows={
            entry.name: entry.context_tokens for entry in choice.entries if entry.is_loaded and entry.context_tokens
        },
        loaded_model=choice.loaded,
        default_model=choice.default,
        context_tokens=choice.asked.context_tokens if choice.asked and choice.asked.is_loaded else None,
        sees_images=choice.asked.sees_images if choice.asked else None,
    )


def _instances(document: JsonObject) -> tuple[ModelEntry, ...]:
    """Return a list's models: each loaded instance under its own name, then those that are not loaded."""
    loaded: list[ModelEntry] = []
    idle: list[ModelEntry] = []
    listed = document.get("models")
    for item in listed if isinstance(listed, list) else []:
        for entry in entries_in([item]):
            instances = object_in(item).get("loaded_instances")
            before = len(loaded)
            for instance in map(object_in, instances if isinstance(instances, list) else []):
                window = tokens_in(object_in(instance.get("config")).get("context_length"))
                name = text_in(instance.get("id")) or entry.name
                loaded.append(replace(entry, name=name, context_tokens=window, is_loaded=True))
            if len(loaded) == before:
                idle.append(replace(entry, context_tokens=None, is_loaded=False))
    return (*loaded, *idle)


async def _ollama(server: _Server, model: str | None) -> ServerFacts:
    """Return the facts; the window is the one the model was loaded with, or its `num_ctx`, never the trained one."""
    version, tags, running = await asyncio.gather(
        server.get("/api/version"), server.get("/api/tags"), server.get("/api/ps")
    )
    every = entries_in(tags) if "models" in tags else await server.entries()
    listed = [entry for entry in every if entry.can_chat]
    loaded = [entry for entry in entries_in(running) if entry.can_chat]
    chosen, shown = await _ollama_model(server, model, [entry.name for entry in (*loaded, *listed)], len(loaded))
    window = next((entry.context_tokens for entry in loaded if chosen and _same_tag(entry.name, chosen)), None)
    known = window or _num_ctx(text_in(shown.get("parameters")))
    capabilities = texts_in(shown.get("capabilities"))
    return ServerFacts(
        models=tuple(entry.name for entry in listed),
        other_names=_other_names((*every, *loaded), (entry.name for entry in listed)),
        windows={entry.name: entry.context_tokens for entry in loaded if entry.context_tokens},
        loaded_model=loaded[0].name if loaded else None,
        default_model=chosen if model is None else next((entry.name for entry in (*loaded, *listed)), None),
        context_tokens=known,
        version=text_in(version.get("version")) or None,
        sees_images="vision" in capabilities if capabilities else None,
        note=_ollama_note(chosen, known) if chosen else None,
    )


async def _ollama_model(
    server: _Server, model: str | None, names: list[str], running: int
) -> tuple[str | None, JsonObject]:
    """
    Return a model and what Ollama shows of it: the named one, a running one, else the newest that can chat.

    Among those that are not running, one that can call tools goes first.  `names` begin with the `running` ones.
    """
    if model is not None:
        return model, await _show(server, model)
    first: tuple[str | None, JsonObject] = (None, {})
    for position, name in enumerate(names[:MAX_SHOWN_MODELS]):
        shown = await _show(server, name)
        capabilities = texts_in(shown.get("capabilities"))
        if capabilities_chat(capabilities) is False:
            continue
        if position < running or "tools" in capabilities:
            return name, shown
        first = first if first[0] is not None else (name, shown)
    return first


async def _show(server: _Server, model: str) -> JsonObject:
    question = WireRequest("/api/show", encode_json({"model": model}), accept="*/*", at_root=True)
    return object_in(await server.answer(question))


def _ollama_note(model: str, window: int | None) -> str | None:
    """Return what to do about a window that is unknown, or too small for Claude Code."""
    if window is not None and window >= NEEDED_TOKENS:
        return None
    size = "its default window, often 4,096 tokens" if window is None else f"a window of {window:,} tokens"
    return (
        f"Ollama gives {model} {size}, and cuts what is longer; Claude Code needs about {NEEDED_TOKENS:,}. "
        f"If memory allows, start Ollama with OLLAMA_CONTEXT_LENGTH={NEEDED_TOKENS}, or set num_ctx in its Modelfile."
    )


async def _openai(server: _Server, model: str | None) -> ServerFacts:
    profile = server.backend.target.profile
    path = profile.version_path
    listed, described = await asyncio.gather(server.entries(), server.get(path) if path else _nothing())
    choice = _choice(listed, model)
    asked = choice.asked
    default = profile.started_model if profile.started_model and len(choice.entries) != 1 else choice.default
    return ServerFacts(
        models=choice.names,
        other_names=choice.other_names,
        windows=choice.windows,
        loaded_model=choice.loaded,
        default_model=default,
        context_tokens=(asked.context_tokens if asked else None) or tokens_in(described.get("context_length")),
        version=text_in(described.get("version")) or None,
        sees_images=asked.sees_images if asked else None,
    )


async def _nothing() -> JsonObject:
    return {}


def _same_tag(one: str, other: str) -> bool:
    """Return whether two names are the same model: Ollama reads a name without a tag as `:latest`."""
    return one.removesuffix(":latest") == other.removesuffix(":latest")


def _num_ctx(parameters: str) -> int | None:
    found = re.search(r"^num_ctx\s+(\d+)", parameters, re.MULTILINE)
    return tokens_in(found[1]) if found else None


def _document(reply: QueryReply) -> JsonValue:
    if not reply.is_ok:
        return None
    try:
        return decode_lenient_json(reply.body.removeprefix(BYTE_ORDER_MARK))
    except JsonError:
        return None
