"""Engines have the same identity exactly when one can restore the other's slots."""

import os
from pathlib import Path

from anyclaude.engine import EngineOptions
from anyclaude.engine.identity import engine_identity, state_format


def test_a_symbolic_link_to_the_weights_has_the_same_identity(tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"GGUF")
    (tmp_path / "link.gguf").symlink_to(weights)

    assert engine_identity(weights, 4096) == engine_identity(tmp_path / "link.gguf", 4096)


def test_other_weights_or_another_context_have_another_identity(tmp_path: Path) -> None:
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


def test_what_changes_the_state_of_a_slot_changes_the_identity(tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"GGUF")
    options = (EngineOptions(), EngineOptions(kv_type="q8_0"), EngineOptions(flash_attention=False))

    identities = [engine_identity(weights, 4096, state_format(one)) for one in options]

    assert len({engine_identity(weights, 4096), *identities}) == 3
    assert state_format(EngineOptions(threads=1, step_tokens=128)) == ()
