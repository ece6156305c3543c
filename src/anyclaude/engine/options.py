"""Options for running the embedded engine."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .sampling import Sampling
from .speculation import Speculation

KvType: TypeAlias = Literal["f16", "q8_0"]
"""How keys and values are stored: in 16 bits, or in 8 with a scale for every 32, which takes 17/32 of the memory."""


@dataclass(frozen=True)
class EngineOptions:
    """How to run the engine; None leaves a choice to the engine itself."""

    context_tokens: int | None = None
    """Context of each conversation, at most what the model was trained for; by default as much as memory allows."""
    slots: int = 1
    """Number of conversations computed at once; each has the whole context to itself."""
    threads: int | None = None
    """Number of compute threads; by default the number of physical cores this process may use."""
    step_tokens: int | None = None
    """Tokens of a prompt that are computed in one step (`n_ubatch`), at most 512; by default llama.cpp's 512."""
    flash_attention: bool | None = None
    """Whether attention is computed without its whole matrix; by default where llama.cpp finds that it can be."""
    kv_type: KvType | None = None
    """How keys and values are stored; by default in 16 bits."""
    cache_ram_mib: int | None = None
    """Memory for conversations that have lost their slot; by default at most a quarter of the machine's, and 8192."""
    slot_save_folder: str | None = None
    """Folder that `/slots/N?action=save` writes to; without it, the engine refuses to save."""
    chat_template: str | None = None
    """A Jinja template to use instead of the one chosen for the model."""
    speculation: Speculation | None = None
    """How tokens are drafted; by default not at all, or `SHORT` with a draft model."""
    draft_model: str | None = None
    """A smaller model of the same family, as a file; by default the one that lies beside the model."""
    sampling: Sampling | None = None
    """How a reply is sampled whose request does not say; by default as the model file says, or as suits the model."""
    gpu_layers: int | None = None
    """Number of layers on graphics cards, the output counted as one; by default as many as fit beside the window."""
