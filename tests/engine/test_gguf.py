"""A model file's metadata is read without loading the model, and any other file is refused."""

from pathlib import Path

import pytest
from gguf import GGUFWriter
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.engine.gguf import read_metadata, weights_bytes
from anyclaude.errors import EngineFailed


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A file with every kind of entry that a reader has to skip."""
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_name("Some model")
    writer.add_uint8("an.uint8", 1)
    writer.add_float64("a.float64", 0.5)
    writer.add_bool("a.bool", True)
    writer.add_token_list(["a", "bc", "def"])
    writer.add_array("an.array.of.numbers", [1, 2, 3])
    writer.add_array("an.array.of.booleans", [True, False])
    writer.add_context_length(8192)
    writer.add_string("general.basename", "some")
    writer.add_chat_template("{{ messages }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def test_arrays_of_every_kind_are_skipped(model_file: Path) -> None:
    metadata = read_metadata(model_file)

    assert metadata.architecture == "llama"
    assert metadata.names == ("Some model", "some")
    assert metadata.context_tokens == 8192
    assert metadata.chat_template == "{{ messages }}"
    assert metadata.entries["a.float64"] == 0.5


def test_a_file_without_entries_has_no_name_template_or_context(tmp_path: Path) -> None:
    path = tmp_path / "bare.gguf"
    path.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))

    metadata = read_metadata(path)

    assert (metadata.names, metadata.chat_template, metadata.context_tokens) == ((), "", None)


def test_the_size_of_a_token_is_unknown_without_the_model_dimensions(model_file: Path) -> None:
    assert read_metadata(model_file).kv_bytes_per_token is None


def test_the_size_of_a_split_model_is_the_sum_of_its_parts(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"big-0000{number}-of-00003.gguf").write_bytes(b"x" * number)
    (tmp_path / "big-00001-of-00002.gguf").write_bytes(b"x" * 100)

    assert weights_bytes(tmp_path / "big-00001-of-00003.gguf") == 6
    assert weights_bytes(tmp_path / "big-00002-of-00003.gguf") == 2


def test_a_file_in_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"something else")

    with pytest.raises(EngineFailed, match="is not a GGUF file"):
        read_metadata(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"could not be read: No such file"):
        read_metadata(tmp_path / "nothing.gguf")


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + (99).to_bytes(4, "little") + bytes(16))

    with pytest.raises(EngineFailed, match="its version is 99"):
        read_metadata(path)


def test_a_file_truncated_anywhere_in_its_metadata_is_refused(model_file: Path) -> None:
    whole = model_file.read_bytes()
    truncated = model_file.with_name("truncated.gguf")

    for length in range(4, len(whole), 7):
        truncated.write_bytes(whole[:length])

        with pytest.raises(EngineFailed, match="damaged or incomplete"):
            read_metadata(truncated)


@given(garbage=st.binary(max_size=200))
def test_garbage_after_the_magic_is_read_or_refused(garbage: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.gguf"
    path.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + garbage)

    try:
        entries = read_metadata(path).entries
    except EngineFailed as error:
        entries = {}
        assert "damaged or incomplete" in str(error)

    assert len(entries) <= len(garbage)
