"""
Speculative decoding: the next tokens are drafted from the text so far, and the model verifies them in one batch.

Coding agents copy more than they compose: an edit repeats what was read.  A draft is what followed the last tokens
where they stood before in the conversation; or what a draft model or the model's own prediction heads propose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from anyclaude.errors import EngineFailed

from .gguf import GgufMetadata, read_metadata, weights_bytes

_HEADS = "nextn_predict_layers"  # llama.cpp's key for heads that predict further tokens (gguf-py/gguf/constants.py)
_TOKENIZER = ("tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.bos_token_id")


@dataclass(frozen=True)
class Speculation:
    """How many tokens must repeat for a draft, and how many tokens it has; none are drafted if that is 0."""

    key_tokens: int
    draft_tokens: int


SHORT = Speculation(key_tokens=5, draft_tokens=2)
"""
Drafts so short that verifying them costs little where nothing repeats.

Of at most three tokens a processor computes the matrix products one by one, with the same bits as without drafts.
Attention is the same in a short conversation only: from 512 cells of the KV cache on, llama.cpp (b11549) splits it
between the threads for a single token and not for more, and rounds differently (`tests/engine/test_speculation.py`,
with Q4_K_M on x86).  So a reply may change where two tokens are nearly as likely, and nothing is drafted unless it is
asked for.

llama.cpp looks the last tokens up in a table of all that it has read (`ngram_mod`), which it empties when drafts are
refused again and again.  Its `ngram_map_k` hardly drafts again after tokens that were once followed by others.
"""

LONG = Speculation(key_tokens=4, draft_tokens=16)
"""Drafts for a processor that computes a batch in little more time than a token."""

OFF = Speculation(key_tokens=0, draft_tokens=0)

SPECULATIONS: Mapping[str, Speculation] = MappingProxyType({"short": SHORT, "long": LONG, "off": OFF})
"""By the names of the setting."""


def draft_model_beside(model_file: Path) -> Path | None:
    """
    Return the draft model that lies beside a model: the only smaller GGUF file of its folder with `draft` in its name.

    It must have the tokenizer of the model; one that cannot be read is none.
    """
    drafts = [path for path in model_file.parent.glob("*.gguf") if "draft" in path.name.lower() and path != model_file]
    if len(drafts) != 1:
        return None
    try:
        has_its_tokenizer = _tokenizer(read_metadata(drafts[0])) == _tokenizer(read_metadata(model_file))
        is_smaller = weights_bytes(drafts[0]) < weights_bytes(model_file)
    except (EngineFailed, OSError):
        return None
    return drafts[0] if is_smaller and has_its_tokenizer else None


def has_prediction_heads(model: GgufMetadata) -> bool:
    """Return whether the file brings heads that predict more than the next token (multi-token prediction)."""
    return bool(model.entries.get(f"{model.architecture}.{_HEADS}"))


def _tokenizer(model: GgufMetadata) -> tuple[object, ...]:
    return tuple(model.entries.get(key) for key in _TOKENIZER)
