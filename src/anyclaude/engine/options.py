"""Options for running the embedded engine."""

from dataclasses import dataclass

from .sampling import Sampling
from .speculation import Speculation


@dataclass(frozen=True)
class EngineOptions:
    """How to run the engine; None leaves a choice to the engine itself."""

    context_tokens: int | None = None
    """Context of each conversation, at most what the model was trained for; by default as much as memory allows."""
    slots: int = 1
    """Number of conversations computed at once; each has the whole context to itself."""
    threads: int | None = None
    """Number of compute threads; by default the number of physical cores this process may use."""
    cache_ram_mib: int | None = None
    """Memory for conversations that have lost their slot; by default at most a quarter of the machine's, and 8192."""
    slot_save_folder: str | None = None
    """Folder that `/slots/N?action=save` writes to; without it, the engine refuses to save."""
    chat_template: str | None = None
    """A Jinja template to use instead of the one chosen for the model."""
    speculation: Speculation | None = None
    """How tokens are drafted; by default `EXACT` where the processor computes the whole model, else not at all."""
    draft_model: str | None = None
    """A smaller model of the same family, as a file; by default the one that lies beside the model."""
    sampling: Sampling | None = None
    """How a reply is sampled whose request does not say; by default as the model file says, or as suits the model."""
    gpu_layers: int | None = None
    """Number of layers on graphics cards, the output counted as one; by default as many as fit beside the window."""
