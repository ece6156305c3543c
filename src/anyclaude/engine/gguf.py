"""The metadata of a GGUF model file, read without loading the model."""

import glob
import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from anyclaude.errors import EngineFailed

# The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.  Version 1 had 32-bit lengths and is extinct.
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = MappingProxyType(
    {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
)
_STRING, _ARRAY = 8, 9
# The file names of llama.cpp's gguf-split; the first file is the one to load, and brings in the others.
_SPLIT = re.compile(r"(.+)-00001-of-(\d{5})\.gguf")

Scalar = str | int | float | bool


@dataclass(frozen=True)
class GgufMetadata:
    """The scalar entries of a model file's metadata; lists, such as the vocabulary, are left out."""

    entries: Mapping[str, Scalar]

    @property
    def architecture(self) -> str:
        """The family of the network, as llama.cpp names it: llama, qwen2, ..."""
        return self._text("general.architecture")

    @property
    def names(self) -> tuple[str, ...]:
        """The model's name and its base name, whichever are given."""
        return tuple(name for key in ("general.name", "general.basename") if (name := self._text(key)))

    @property
    def size_label(self) -> str:
        """The number of parameters, as in the model's name: 0.5B, 30B-A3B; empty if it is not given."""
        return self._text("general.size_label")

    @property
    def chat_template(self) -> str:
        """The model's own chat template; empty if it has none."""
        return self._text("tokenizer.chat_template")

    @property
    def context_tokens(self) -> int | None:
        """The context length the model was trained for."""
        return self._number("context_length")

    @property
    def layers(self) -> int | None:
        """The number of layers, without the input and the output."""
        return self._number("block_count")

    @property
    def kv_bytes_per_token(self) -> int | None:
        """
        The size of one token of context in the KV cache, in bytes; None if a dimension is missing or not one number.

        Keys and values of every layer in 16 bits, llama.cpp's default.  Too large for models some of whose layers
        keep less (sliding windows, recurrent layers).
        """
        layers, heads = self.layers, self._number("attention.head_count")
        kv_heads, width = self._number("attention.head_count_kv"), self._number("embedding_length")
        if layers is None or heads is None or kv_heads is None or width is None:
            return None
        key = self._number("attention.key_length") or width // heads
        value = self._number("attention.value_length") or width // heads
        return 2 * layers * kv_heads * (key + value)

    def _number(self, key: str) -> int | None:
        value = self.entries.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and value > 0 else None

    def _text(self, key: str) -> str:
        value = self.entries.get(key, "")
        return value if isinstance(value, str) else ""


def read_metadata(path: Path) -> GgufMetadata:
    """
    Read the metadata of a model file.

    Raises:
        EngineFailed: when the file cannot be read, or is not a complete GGUF file.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise EngineFailed(f"{path} is not a GGUF file; the embedded engine runs models in that format only.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return GgufMetadata(_Reader(content).entries())
    except OSError as error:
        raise EngineFailed(f"The model file {path} could not be read: {error.strerror}.") from error
    except (UnicodeDecodeError, _Malformed) as error:
        raise EngineFailed(f"The model file {path} is damaged or incomplete ({error}); download it again.") from error


def weights_bytes(path: Path) -> int:
    """Return the size of a model file, together with the other files the model was split into."""
    first = _SPLIT.fullmatch(path.name)
    files = path.parent.glob(f"{glob.escape(first[1])}-*-of-{first[2]}.gguf") if first else (path,)
    return sum(file.stat().st_size for file in files)


class _Malformed(Exception):
    """The bytes do not follow the format."""


class _Reader:
    """Reads the metadata part of a file, once from front to back."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._position = len(_MAGIC)

    def entries(self) -> dict[str, Scalar]:
        """
        Return the scalar entries.

        Raises:
            _Malformed: when the bytes do not follow the format.
        """
        version = self._number("<I")
        if version not in _VERSIONS:
            raise _Malformed(f"its version is {version}")
        self._number("<Q")  # the number of tensors
        found: dict[str, Scalar] = {}
        for _ in range(self._number("<Q")):
            key, kind = self._text(), self._number("<I")
            if kind == _ARRAY:
                self._skip_array()
            else:
                found[key] = self._scalar(kind)
        return found

    def _scalar(self, kind: int) -> Scalar:
        if kind == _STRING:
            return self._text()
        value: int | float | bool = self._unpack(_format_of(kind))
        return value

    def _skip_array(self) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if kind != _STRING:
            self._position += count * struct.calcsize(_format_of(kind))
            return
        for _ in range(count):
            length = self._number("<Q")  # a separate statement, because reading the length moves the position too
            self._position += length

    def _text(self) -> str:
        length = self._number("<Q")
        start = self._position
        self._position += length
        if self._position > len(self._content):
            raise _Malformed("it ends too early")
        return self._content[start : self._position].decode()

    def _number(self, layout: str) -> int:
        return int(self._unpack(layout))

    def _unpack(self, layout: str) -> int | float | bool:
        try:
            (value,) = struct.unpack_from(layout, self._content, self._position)
        except struct.error as error:
            raise _Malformed("it ends too early") from error
        self._position += struct.calcsize(layout)
        if not isinstance(value, int | float):
            raise _Malformed("a value is not a number")
        return value


def _format_of(kind: int) -> str:
    try:
        return _SCALARS[kind]
    except KeyError as error:
        raise _Malformed(f"it has a value of the unknown type {kind}") from error
