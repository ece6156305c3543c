"""How the embedded engine is to be run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineOptions:
    """What may be chosen about the engine; None leaves a choice to the engine itself."""

    context_tokens: int | None = None
    """Room for each conversation; never more than the model was trained for, which is also the default."""
    slots: int = 1
    """How many conversations are computed at once; each has the whole context to itself."""
    threads: int | None = None
    """Threads that compute; by default as many as there are physical cores for us."""
    cache_ram_mib: int | None = None
    """Memory for conversations that have lost their slot; by default a quarter of the machine's, at most 8192."""
    slot_save_folder: str | None = None
    """Where `/slots/N?action=save` may write; without it, saving is refused."""
    chat_template: str | None = None
    """A Jinja template that replaces whatever the model would be run with."""
