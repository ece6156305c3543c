"""
The table of server kinds.

To add a kind, write a module with its `BackendProfile` and add a row here; the order is that of detection.
"""

from .base import BackendName, BackendProfile
from .embedded import EMBEDDED
from .generic import GENERIC
from .llamacpp import LLAMACPP
from .lmstudio import LMSTUDIO
from .mlx import MLX
from .ollama import OLLAMA
from .openai import OPENAI
from .openrouter import OPENROUTER
from .sglang import SGLANG
from .vllm import VLLM
from .vllm_mlx import VLLM_MLX

PROFILES: tuple[BackendProfile, ...] = (
    EMBEDDED,
    LLAMACPP,
    LMSTUDIO,
    VLLM_MLX,
    OLLAMA,
    VLLM,
    SGLANG,
    MLX,  # told by how it answers, so a kind that names itself goes before it
    OPENROUTER,
    OPENAI,
    GENERIC,
)


def profile_named(name: BackendName, profiles: tuple[BackendProfile, ...] = PROFILES) -> BackendProfile:
    """
    Return the profile of a kind of server.

    Raises:
        LookupError: when the table has no such kind.
    """
    for profile in profiles:
        if profile.name == name:
            return profile
    raise LookupError(f"{name!r} is not a known kind of server; the kinds are {', '.join(p.name for p in profiles)}")
