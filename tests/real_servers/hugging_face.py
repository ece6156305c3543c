"""
Writes the model of a GGUF file as a Hugging Face folder, for the servers that read no GGUF.

Only what the tests' models need: the architectures llama and qwen2, byte-level BPE, and 32-bit floats.
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader
from gguf.quants import dequantize

from anyclaude.protocol.json_values import JsonObject, JsonValue

Tensors = dict[str, npt.NDArray[np.float32]]

_CONTROL_TOKEN, _USER_TOKEN = 3, 4
"""The types of tokens in a GGUF that stand for themselves wherever they occur (`gguf.TokenType`)."""

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

_SPLITS: dict[str, list[JsonValue]] = {
    "smollm": [{"type": "Digits", "individual_digits": True}],
    "qwen2": [
        {
            "type": "Split",
            "pattern": {
                "Regex": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            },
            "behavior": "Isolated",
            "invert": False,
        }
    ],
}
"""How a text is split before BPE: the tokenizers' published `tokenizer.json` files."""


@dataclass(frozen=True, slots=True)
class _Gguf:
    """A GGUF file, and its fields by name."""

    reader: GGUFReader

    def value(self, name: str) -> JsonValue:
        """Return a field's value, `None` if it has none."""
        field = self.reader.fields.get(name)
        contents: JsonValue = None if field is None else field.contents()
        return contents

    @property
    def architecture(self) -> str:
        """The name of the architecture, with which the names of its fields begin."""
        return str(self.value("general.architecture"))

    def number(self, name: str) -> int:
        """Return a field of the architecture that is a number."""
        value = self.value(f"{self.architecture}.{name}")
        assert isinstance(value, int)
        return value

    def fraction(self, name: str, default: float) -> float:
        """Return a field of the architecture that may be missing."""
        value = self.value(f"{self.architecture}.{name}")
        return float(value) if isinstance(value, int | float) else default

    def texts(self, name: str) -> list[str]:
        """Return a field that is a list of texts."""
        value = self.value(name)
        assert isinstance(value, list)
        return [str(item) for item in value]


def hugging_face_folder(gguf_file: Path, into: Path, context_tokens: int) -> Path:
    """Return the model as a folder, written once; `context_tokens` is the window that it states."""
    target = into / f"{gguf_file.stem}-{context_tokens}-f32"
    if not target.exists():
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into) as scratch:
            _write(_Gguf(GGUFReader(gguf_file)), Path(scratch) / target.name, context_tokens).rename(target)
    return target


def _write(source: _Gguf, folder: Path, context_tokens: int) -> Path:
    folder.mkdir()
    tensors = {_tensor_name(name): values for name, values in _unpermuted(source)}
    documents = {
        "config.json": _config(source, context_tokens, ties_embeddings="lm_head.weight" not in tensors),
        "generation_config.json": {"eos_token_id": source.value("tokenizer.ggml.eos_token_id")},
        "tokenizer.json": _tokenizer(source),
        "tokenizer_config.json": _tokenizer_config(source, context_tokens),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    _write_safetensors(folder / "model.safetensors", tensors)
    return folder


def _config(source: _Gguf, context_tokens: int, *, ties_embeddings: bool) -> JsonObject:
    kind = {"llama": "Llama", "qwen2": "Qwen2"}[source.architecture]
    heads = source.number("attention.head_count")
    return {
        "architectures": [f"{kind}ForCausalLM"],
        "model_type": source.architecture,
        "hidden_size": source.number("embedding_length"),
        "intermediate_size": source.number("feed_forward_length"),
        "num_hidden_layers": source.number("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": source.number("attention.head_count_kv"),
        "rms_norm_eps": source.fraction("attention.layer_norm_rms_epsilon", 1e-5),
        "rope_theta": source.fraction("rope.freq_base", 10_000.0),
        "hidden_act": "silu",
        "max_position_embeddings": context_tokens,
        "vocab_size": len(source.texts("tokenizer.ggml.tokens")),
        "bos_token_id": source.value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": source.value("tokenizer.ggml.eos_token_id"),
        "tie_word_embeddings": ties_embeddings,
        "torch_dtype": "float32",
    }


def _tokenizer(source: _Gguf) -> JsonObject:
    tokens = source.texts("tokenizer.ggml.tokens")
    types = source.value("tokenizer.ggml.token_type")
    assert isinstance(types, list)
    whole = [number for number, kind in enumerate(types) if kind in {_CONTROL_TOKEN, _USER_TOKEN}]
    byte_level: dict[str, JsonValue] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    splits = _SPLITS[str(source.value("tokenizer.ggml.pre"))]
    added: list[JsonValue] = [
        {
            "id": number,
            "content": tokens[number],
            "special": types[number] == _CONTROL_TOKEN,
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
        }
        for number in whole
    ]
    merges: list[JsonValue] = list(source.texts("tokenizer.ggml.merges"))
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [*splits, {**byte_level, "use_regex": "Digits" in str(splits)}],
        },
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": merges,
            **dict.fromkeys(("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")),
            **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False),
        },
    }


def _tokenizer_config(source: _Gguf, context_tokens: int) -> JsonObject:
    tokens = source.texts("tokenizer.ggml.tokens")
    end = source.value("tokenizer.ggml.eos_token_id")
    assert isinstance(end, int)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": tokens[end],
        "pad_token": tokens[end],
        "model_max_length": context_tokens,
        "clean_up_tokenization_spaces": False,
        "chat_template": source.value("tokenizer.chat_template"),
    }


def _unpermuted(source: _Gguf) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield the tensors; llama.cpp interleaves the two halves of each head of a llama's queries and keys."""
    heads = {"attn_q": source.number("attention.head_count"), "attn_k": source.number("attention.head_count_kv")}
    for tensor in source.reader.tensors:
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)
        kind = tensor.name.split(".")[-2]
        if source.architecture == "llama" and kind in heads:
            rows, columns = values.shape
            half = rows // heads[kind] // 2
            values = values.reshape(heads[kind], half, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        yield tensor.name, values


def _tensor_name(name: str) -> str:
    *block, kind, suffix = name.split(".")
    layer = f"model.layers.{block[1]}." if block else ""
    return f"{layer}{_NAMES[kind]}.{suffix}"


def _write_safetensors(path: Path, tensors: Tensors) -> None:
    """Write the format's header, which gives each tensor's bytes, and then the bytes."""
    header: dict[str, JsonValue] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, values in tensors.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values).tobytes())
