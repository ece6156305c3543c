"""
Ask a server for its kind, its models, and the real size of the window.

The shapes of the answers: llama.cpp b11549 (`/props`, tried), LM Studio's REST documentation (`/api/v0/models`),
Ollama's API documentation (`/api/ps`, `/api/show`, `/api/tags`), vLLM's `max_model_len` and OpenRouter's
`context_length` in `/v1/models`.  What a server does not report stays `None`.
"""

import asyncio
import re
from typing import TypeVar, assert_never

from msgspec import Struct

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError
from anyclaude.protocol.json_values import encode_json

from .base import Backend
from .query import QueryReply, query

T = TypeVar("T")

MODELS = WireRequest("/models", accept="*/*", method="GET")


class ServerFacts(Struct, frozen=True, kw_only=True):
    """What a server reports: its models, the loaded one, its window in tokens, and the requests it serves at once."""

    models: tuple[str, ...] = ()
    loaded_model: str | None = None
    context_tokens: int | None = None
    parallel_requests: int | None = None


async def is_reachable(backend: Backend, within_seconds: float) -> bool:
    """Return whether anything speaks HTTP at the server's address."""
    return await _query(backend, MODELS, within_seconds) is not None


async def identifies_as_profile(backend: Backend, within_seconds: float) -> bool:
    """Return whether the server is of the kind that its target's profile describes."""
    profile = backend.target.profile
    if profile.identity_path is None:
        return False
    reply = await _query(backend, _get(profile.identity_path), within_seconds)
    return reply is not None and reply.is_ok and profile.identity_marker.encode() in reply.body


async def ask_facts(backend: Backend, within_seconds: float, model: str | None) -> ServerFacts:
    """Return the server's facts, about `model` if one is named, else about the model it has loaded."""
    server = _Server(backend, within_seconds)
    source = backend.target.profile.facts_from
    match source:
        case "llamacpp_props":
            return await _llamacpp(server)
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

    async def answer(self, request: WireRequest, kind: type[T]) -> T | None:
        """Return the answer as a `kind`, `None` where the server has no such answer."""
        reply = await _query(self.backend, request, self.within_seconds)
        return None if reply is None else reply.decoded(kind)


class _ModelEntry(Struct, frozen=True):
    id: str
    max_model_len: int | None = None
    context_length: int | None = None
    context_window: int | None = None

    @property
    def window(self) -> int | None:
        return self.max_model_len or self.context_length or self.context_window


class _ModelList(Struct, frozen=True):
    data: list[_ModelEntry]


class _GenerationSettings(Struct, frozen=True):
    n_ctx: int | None = None


class _Props(Struct, frozen=True):
    default_generation_settings: _GenerationSettings = _GenerationSettings()
    total_slots: int | None = None
    model_alias: str | None = None


class _LmStudioModel(Struct, frozen=True):
    id: str
    type: str = "llm"
    state: str = ""
    loaded_context_length: int | None = None


class _LmStudioModels(Struct, frozen=True):
    data: list[_LmStudioModel]


class _OllamaModel(Struct, frozen=True):
    name: str
    context_length: int | None = None


class _OllamaModels(Struct, frozen=True):
    models: list[_OllamaModel]


class _OllamaShow(Struct, frozen=True):
    parameters: str = ""


async def _llamacpp(server: _Server) -> ServerFacts:
    answer, listed = await asyncio.gather(server.answer(_get("/props"), _Props), _model_ids(server))
    props = answer or _Props()
    loaded = props.model_alias or next(iter(listed), None)
    return ServerFacts(
        models=listed,
        loaded_model=loaded,
        context_tokens=props.default_generation_settings.n_ctx or None,
        parallel_requests=props.total_slots or None,
    )


async def _lmstudio(server: _Server, model: str | None) -> ServerFacts:
    answer = await server.answer(_get("/api/v0/models"), _LmStudioModels)
    known = [entry for entry in (answer.data if answer else []) if entry.type in {"llm", "vlm"}]
    loaded = [entry for entry in known if entry.state == "loaded"]
    asked = [entry for entry in known if entry.id == model] if model else loaded
    return ServerFacts(
        models=tuple(entry.id for entry in known),
        loaded_model=loaded[0].id if loaded else None,
        context_tokens=asked[0].loaded_context_length if asked else None,
    )


async def _ollama(server: _Server, model: str | None) -> ServerFacts:
    """Return the facts; the window is the one the model was loaded with, or its `num_ctx`, never the trained one."""
    tags = await server.answer(_get("/api/tags"), _OllamaModels)
    running = await server.answer(_get("/api/ps"), _OllamaModels)
    names = tuple(entry.name for entry in (tags.models if tags else ()))
    loaded = running.models if running else []
    chosen = model or next((entry.name for entry in [*loaded, *(tags.models if tags else [])]), None)
    window = next((entry.context_length for entry in loaded if chosen and _same_tag(entry.name, chosen)), None)
    if window is None and chosen is not None:
        question = WireRequest("/api/show", encode_json({"model": chosen}), accept="*/*", at_root=True)
        show = await server.answer(question, _OllamaShow)
        window = _num_ctx(show.parameters) if show else None
    return ServerFacts(models=names, loaded_model=loaded[0].name if loaded else None, context_tokens=window)


async def _openai(server: _Server, model: str | None) -> ServerFacts:
    answer = await server.answer(MODELS, _ModelList)
    entries = answer.data if answer else []
    asked = [entry for entry in entries if entry.id == model] if model else entries[:1]
    return ServerFacts(models=tuple(entry.id for entry in entries), context_tokens=asked[0].window if asked else None)


async def _model_ids(server: _Server) -> tuple[str, ...]:
    answer = await server.answer(MODELS, _ModelList)
    return tuple(entry.id for entry in answer.data) if answer else ()


def _same_tag(one: str, other: str) -> bool:
    """Return whether two names are the same model: Ollama reads a name without a tag as `:latest`."""
    return one.removesuffix(":latest") == other.removesuffix(":latest")


def _num_ctx(parameters: str) -> int | None:
    found = re.search(r"^num_ctx\s+(\d+)", parameters, re.MULTILINE)
    return int(found[1]) if found else None


def _get(path: str) -> WireRequest:
    return WireRequest(path, accept="*/*", at_root=True, method="GET")


async def _query(backend: Backend, request: WireRequest, within_seconds: float) -> QueryReply | None:
    """Return the server's reply, `None` if there was none in time."""
    try:
        return await query(backend, request, within_seconds)
    except BackendError:
        return None
