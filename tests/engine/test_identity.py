"""When one engine may use what another one has computed."""

import os
from pathlib import Path

from anyclaude.engine.identity import engine_identity


def test_the_same_file_with_the_same_context_is_the_same_engine_by_whatever_name(tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"GGUF")
    (tmp_path / "link.gguf").symlink_to(weights)

    assert engine_identity(weights, 4096) == engine_identity(tmp_path / "link.gguf", 4096)


def test_other_weights_or_another_context_are_another_engine(tmp_path: Path) -> None:
    weights, copy = tmp_path / "weights.gguf", tmp_path / "copy.gguf"
    weights.write_bytes(b"GGUF")
    copy.write_bytes(b"GGUF")
    identities = [engine_identity(weights, 4096), engine_identity(weights, 8192), engine_identity(copy, 4096)]
    os.utime(weights, (1, 1))
    identities.append(engine_identity(weights, 4096))
    weights.write_bytes(b"GGUF, longer")
    os.utime(weights, (1, 1))
    identities.append(engine_identity(weights, 4096))

    assert len(set(identities)) == 5
