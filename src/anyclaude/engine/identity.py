"""The identity of an engine: a saved slot can be restored only by an engine with the same identity."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from .options import EngineOptions


def engine_identity(model_file: Path, context_tokens: int, further: Sequence[str] = ()) -> str:
    """
    Return a digest of the weights, llama.cpp's version, the context length and what else tells engines apart.

    It has 24 hexadecimal digits.  The weights are identified by path, size and modification time; they are too large to
    read.
    """
    file = model_file.resolve()
    status = file.stat()
    parts = (str(file), status.st_size, status.st_mtime_ns, version("xllamacpp"), context_tokens, *further)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24]


def state_format(options: EngineOptions) -> Sequence[str]:
    """Return the options that change the bytes of a slot's state; nothing where they are the defaults."""
    return tuple(
        f"{name} {value}" for name in ("kv_type", "flash_attention") if (value := getattr(options, name)) is not None
    )
