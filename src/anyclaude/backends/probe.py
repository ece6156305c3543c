"""
Asks a server who it is, which models it has, and how large the window really is.

The answers' forms: llama.cpp b11549 (`/props`, tried), LM Studio's REST documentation (`/api/v0/models`), Ollama's API
documentation (`/api/ps`, `/api/show`, `/api/tags`), vLLM's `max_model_len` and OpenRouter's `context_length` in
`/v1/models`.  What a server does not tell stays `None`.
"""

import re
from typing import TypeVar, assert_never
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject
from anyclaude.secret import Secret

T = TypeVar("T")


class Address(Struct, frozen=True):
    """Where a server listens, and the key it may want."""

    base_url: str
    api_key: Secret | None = None
    timeout_seconds: float = 5.0


class ServerFacts(Struct, frozen=True, kw_only=True):
    """What a server told: its models, the one it would answer with, that one's window, and how many at once."""

    models: tuple[str, ...] = ()
    loaded_model: str | None = None
    context_tokens: int | None = None
    parallel_requests: int | None = None


async def is_reachable(session: aiohttp.ClientSession, address: Address) -> bool:
    """Tell whether anything speaks HTTP there."""
    return await _get(session, address, address.base_url + "/models") is not None


async def identifies_as(session: aiohttp.ClientSession, profile: BackendProfile, address: Address) -> bool:
    """Tell whether the server there is of this kind."""
    if profile.identity_path is None:
        return False
    answer = await _get(session, address, origin(address) + profile.identity_path)
    return answer is not None and answer.is_ok and profile.identity_marker.encode() in answer.body


async def ask_facts(
    session: aiohttp.ClientSession, profile: BackendProfile, address: Address, model: str | None
) -> ServerFacts:
    """Ask the server for its facts, about `model` if one is named, else about the one it has loaded."""
    source = profile.facts_from
    match source:
        case "llamacpp_props":
            return await _llamacpp(session, address)
        case "lmstudio_models":
            return await _lmstudio(session, address, model)
        case "ollama_show":
            return await _ollama(session, address, model)
        case "openai_models":
            return await _openai(session, address, model)
        case _:
            assert_never(source)


def origin(address: Address) -> str:
    """Return the server's root."""
    parts = urlsplit(address.base_url)
    return f"{parts.scheme}://{parts.netloc}"


async def ask(
    session: aiohttp.ClientSession, address: Address, url: str, kind: type[T], body: JsonObject | None = None
) -> T | None:
    """Return what the server tells there, `None` if it tells nothing of this kind; with a body it is asked by POST."""
    answer = await _get(session, address, url, body)
    if answer is None or not answer.is_ok:
        return None
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError:
        return None  # it answers something else under this path: it tells us nothing


class _Answer(Struct, frozen=True):
    is_ok: bool
    body: bytes


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


async def _llamacpp(session: aiohttp.ClientSession, address: Address) -> ServerFacts:
    props = await ask(session, address, origin(address) + "/props", _Props) or _Props()
    listed = await _model_ids(session, address)
    loaded = props.model_alias or next(iter(listed), None)
    return ServerFacts(
        models=listed,
        loaded_model=loaded,
        context_tokens=props.default_generation_settings.n_ctx or None,
        parallel_requests=props.total_slots or None,
    )


async def _lmstudio(session: aiohttp.ClientSession, address: Address, model: str | None) -> ServerFacts:
    answer = await ask(session, address, origin(address) + "/api/v0/models", _LmStudioModels)
    known = [entry for entry in (answer.data if answer else []) if entry.type in {"llm", "vlm"}]
    loaded = [entry for entry in known if entry.state == "loaded"]
    asked = [entry for entry in known if entry.id == model] if model else loaded
    return ServerFacts(
        models=tuple(entry.id for entry in known),
        loaded_model=loaded[0].id if loaded else None,
        context_tokens=asked[0].loaded_context_length if asked else None,
    )


async def _ollama(session: aiohttp.ClientSession, address: Address, model: str | None) -> ServerFacts:
    """The window is the one the model was loaded with, or the `num_ctx` of its file; the trained one tells nothing."""
    root = origin(address)
    tags = await ask(session, address, root + "/api/tags", _OllamaModels)
    running = await ask(session, address, root + "/api/ps", _OllamaModels)
    names = tuple(entry.name for entry in (tags.models if tags else ()))
    loaded = running.models if running else []
    chosen = model or next((entry.name for entry in [*loaded, *(tags.models if tags else [])]), None)
    window = next((entry.context_length for entry in loaded if chosen and _same_tag(entry.name, chosen)), None)
    if window is None and chosen is not None:
        show = await ask(session, address, root + "/api/show", _OllamaShow, {"model": chosen})
        window = _num_ctx(show.parameters) if show else None
    return ServerFacts(models=names, loaded_model=loaded[0].name if loaded else None, context_tokens=window)


async def _openai(session: aiohttp.ClientSession, address: Address, model: str | None) -> ServerFacts:
    answer = await ask(session, address, address.base_url + "/models", _ModelList)
    entries = answer.data if answer else []
    asked = [entry for entry in entries if entry.id == model] if model else entries[:1]
    return ServerFacts(models=tuple(entry.id for entry in entries), context_tokens=asked[0].window if asked else None)


async def _model_ids(session: aiohttp.ClientSession, address: Address) -> tuple[str, ...]:
    answer = await ask(session, address, address.base_url + "/models", _ModelList)
    return tuple(entry.id for entry in answer.data) if answer else ()


def _same_tag(one: str, other: str) -> bool:
    """Ollama reads a name without a tag as `:latest`."""
    return one.removesuffix(":latest") == other.removesuffix(":latest")


def _num_ctx(parameters: str) -> int | None:
    found = re.search(r"^num_ctx\s+(\d+)", parameters, re.MULTILINE)
    return int(found[1]) if found else None


async def _get(
    session: aiohttp.ClientSession, address: Address, url: str, body: JsonObject | None = None
) -> _Answer | None:
    """Return what the server answered, or `None` if none did in time."""
    headers = {"Authorization": f"Bearer {address.api_key.reveal()}"} if address.api_key else {}
    timeout = aiohttp.ClientTimeout(total=address.timeout_seconds)
    method = "POST" if body else "GET"
    request = session.request(method, url, json=body, headers=headers, timeout=timeout, allow_redirects=False)
    try:
        async with request as response:
            return _Answer(response.ok, await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
