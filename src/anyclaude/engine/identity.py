"""What must be the same for an engine to understand what another one has computed."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import msgspec


def engine_identity(model_file: Path, context_tokens: int) -> str:
    """Return a digest of the weights (by size and time, they are too large to read), llama.cpp and the context."""
    file = model_file.resolve()
    known = file.stat()
    said = (str(file), known.st_size, known.st_mtime_ns, version("xllamacpp"), context_tokens)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:24]
