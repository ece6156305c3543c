"""A model with random weights: its text is meaningless, but its tokens, caching, streaming and limits are real."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, GGUFWriter, LlamaFileType

from anyclaude.engine.chat_templates import shipped_template

END_TOKEN = 2
"""The token that ends a message."""
TINY_CONTEXT_TOKENS = 131_072
# One layer of width 32 evaluates 19,000 tokens per second on one core, so prompts as long as Claude Code's can be
# tested.
_WIDTH = 32
_FEED_FORWARD = 64
_TOKENIZER_LISTS = ("tokens", "token_type", "merges")


def tiny_model_file(tokenizer_from: Path, folder: Path) -> Path:
    """Return the model, built once into `folder` with the tokenizer of another GGUF file and our ChatML template."""
    template = shipped_template("chatml.jinja")
    recipe = Path(__file__).read_bytes() + template.encode()
    target = folder / f"tiny-{hashlib.sha256(recipe).hexdigest()[:12]}.gguf"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _build(Path(scratch) / target.name, GGUFReader(tokenizer_from), template).replace(target)
    return target


def _build(path: Path, source: GGUFReader, template: str) -> Path:
    tokenizer = {name: source.fields[f"tokenizer.ggml.{name}"].contents() for name in _TOKENIZER_LISTS}
    writer = GGUFWriter(path, "llama")
    _describe(writer)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokenizer["tokens"])
    writer.add_token_types(tokenizer["token_type"])
    writer.add_token_merges(tokenizer["merges"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END_TOKEN)
    writer.add_pad_token_id(END_TOKEN)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    for name, tensor in _tensors(len(tokenizer["tokens"])).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: GGUFWriter) -> None:
    writer.add_name("tiny-random")
    writer.add_context_length(TINY_CONTEXT_TOKENS)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(_WIDTH)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)


def _tensors(vocabulary: int) -> dict[str, npt.NDArray[np.float16] | npt.NDArray[np.float32]]:
    generator = np.random.default_rng(0)

    def random_matrix(rows: int, columns: int, spread: float) -> npt.NDArray[np.float16]:
        return (generator.standard_normal((rows, columns)) * spread).astype(np.float16)

    ones = np.ones(_WIDTH, np.float32)
    # With these spreads the replies vary with the prompt, and every value stays within half precision.
    return {
        "token_embd.weight": random_matrix(vocabulary, _WIDTH, 1.0),
        "blk.0.attn_norm.weight": ones,
        "blk.0.attn_q.weight": random_matrix(_WIDTH, _WIDTH, 0.2),
        "blk.0.attn_k.weight": random_matrix(_WIDTH, _WIDTH, 0.2),
        "blk.0.attn_v.weight": random_matrix(_WIDTH, _WIDTH, 0.2),
        "blk.0.attn_output.weight": random_matrix(_WIDTH, _WIDTH, 0.2),
        "blk.0.ffn_norm.weight": ones,
        "blk.0.ffn_gate.weight": random_matrix(_FEED_FORWARD, _WIDTH, 0.2),
        "blk.0.ffn_up.weight": random_matrix(_FEED_FORWARD, _WIDTH, 0.2),
        "blk.0.ffn_down.weight": random_matrix(_WIDTH, _FEED_FORWARD, 0.2),
        "output_norm.weight": ones,
        "output.weight": random_matrix(vocabulary, _WIDTH, 1.0),
    }
