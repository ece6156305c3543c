"""The requests that save and restore llama.cpp's slot, and their answers."""

import json

import pytest
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at

from anyclaude.backends import SlotFile, restore_slot, save_slot
from anyclaude.errors import BackendGarbled, BackendRejected

# As llama.cpp b11549 answers.
SAVED = b'{"id_slot":0,"filename":"a.bin","n_saved":401,"n_written":57820,"timings":{"save_ms":0.22}}'
RESTORED = b'{"id_slot":0,"filename":"a.bin","n_restored":401,"n_read":57820,"timings":{"restore_ms":0.41}}'
NO_SUCH_FILE = (
    b'{"error":{"code":400,"message":"Unable to restore slot: No available space in KV cache or invalid slot save file"'
    b',"type":"invalid_request_error"}}'
)


def answering(body: bytes, status: int = 200) -> FakeBackend:
    reply = FakeReply(chunks=(body[:20], body[20:]), status=status, content_type="application/json")
    return FakeBackend(target_at("http://127.0.0.1:1/v1"), reply)


async def test_a_slot_is_saved_to_a_named_file() -> None:
    backend = answering(SAVED)

    assert await save_slot(backend, "a.bin", 1.0) == SlotFile(401, 57_820)
    (asked,) = backend.requests
    assert (asked.path, asked.at_root) == ("/slots/0?action=save", True)
    assert json.loads(asked.body) == {"filename": "a.bin"}
    assert backend.open_replies == 0


async def test_a_slot_is_restored_from_a_named_file() -> None:
    backend = answering(RESTORED)

    assert await restore_slot(backend, "a.bin", 1.0) == SlotFile(401, 57_820)
    assert backend.requests[0].path == "/slots/0?action=restore"


async def test_a_refusal_has_the_servers_message() -> None:
    with pytest.raises(BackendRejected, match="Unable to restore slot"):
        await restore_slot(answering(NO_SUCH_FILE, 400), "a.bin", 1.0)


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"n_saved": "many", "n_written": 1}'])
async def test_an_answer_that_does_not_describe_the_slot_is_garbled(answer: bytes) -> None:
    with pytest.raises(BackendGarbled):
        await save_slot(answering(answer), "a.bin", 1.0)
    with pytest.raises(BackendGarbled):
        await restore_slot(answering(answer), "a.bin", 1.0)
