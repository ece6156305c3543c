"""The identity of an engine: a saved slot can be restored only by an engine with the same identity."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import msgspec


def engine_identity(model_file: Path, context_tokens: int) -> str:
    """
    Return a digest of the weights, llama.cpp's version and the context length, as 24 hexadecimal digits.

    The weights are identified by path, size and modification time; they are too large to read.
    """
    file = model_file.resolve()
    status = file.stat()
    parts = (str(file), status.st_size, status.st_mtime_ns, version("xllamacpp"), context_tokens)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24]
