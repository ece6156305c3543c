"""The latest prompts: compressed, private, bounded, and still there in the next run."""

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyclaude.cache_report.prompt_store import PromptStore, StoredPrompt, packed

BODY = b'{"messages": []}' * 100


def prompt(number: int) -> StoredPrompt:
    return StoredPrompt(
        request_id=f"req_{number}",
        conversation="session//",
        run="run_1",
        order=number,
        route="llamacpp/m",
        dialect="openai_chat",
        input_tokens=10,
        packed=packed(BODY),
    )


def kept(store: PromptStore) -> list[str]:
    return [prompt.request_id for prompt in store.prompts()]


def test_a_prompt_is_compressed_and_restored_as_it_was_sent() -> None:
    assert prompt(1).body == BODY
    assert len(prompt(1).packed) < len(BODY) / 10


def test_the_oldest_prompts_are_removed_from_memory_and_disk(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        store = PromptStore(folder, max_prompts=2)
        for number in (1, 2, 3):
            store.keep(prompt(number))
        assert kept(store) == ["req_2", "req_3"]

    assert sorted(file.name for file in tmp_path.iterdir()) == ["req_2.prompt", "req_3.prompt"]


def test_a_prompt_replaces_the_one_it_continues(tmp_path: Path) -> None:
    store = PromptStore(tmp_path)
    store.keep(prompt(1))
    store.keep(prompt(2), instead_of="req_1")

    assert kept(store) == ["req_2"]
    assert [file.name for file in tmp_path.iterdir()] == ["req_2.prompt"]


def test_prompts_survive_a_restart(tmp_path: Path) -> None:
    store = PromptStore(tmp_path)
    store.keep(prompt(1))
    store.keep(prompt(2))

    assert PromptStore(tmp_path).prompts() == store.prompts()


def test_the_files_are_private(tmp_path: Path) -> None:
    PromptStore(tmp_path / "prompts").keep(prompt(1))

    assert stat.S_IMODE((tmp_path / "prompts").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "prompts" / "req_1.prompt").stat().st_mode) == 0o600


def test_prompts_are_kept_in_memory_without_a_usable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file" / "prompts"):
        store = PromptStore(folder)
        store.keep(prompt(1))
        store.keep(prompt(2), instead_of="req_1")
        assert kept(store) == ["req_2"]


def test_a_damaged_file_costs_only_itself(tmp_path: Path) -> None:
    PromptStore(tmp_path).keep(prompt(1))
    (tmp_path / "req_0.prompt").write_bytes(b"\x81\xa3no")

    assert kept(PromptStore(tmp_path)) == ["req_1"]
    with pytest.raises(ValueError, match="damaged"):
        _ = replace(prompt(1), packed=b"x").body
