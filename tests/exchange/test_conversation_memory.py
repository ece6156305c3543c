"""The tool order and the tool calls, as the model wrote them, that later requests need."""

import stat
from pathlib import Path

from msgspec.structs import replace
from tests.parts.exchange_events import ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.upstreams import prepared_for

from anyclaude.exchange.conversation_memory import MAX_CALL_CHARACTERS, ConversationMemory
from anyclaude.kept_values import ENTRY_BYTES
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.transforms import OriginalCall

CALL = OriginalCall('{"b": 1,  "a": 2}')
EMPTY = OriginalCall("{}")


def size_of(call: OriginalCall) -> int:
    """Return what the memory counts for a call."""
    return ENTRY_BYTES + memory_size("toolu_1", call)


def request(*tools: str) -> MessagesRequest:
    return MessagesRequest(
        model="m", max_tokens=1, messages=(Turn("user", "x"),), tools=tuple(Tool(name) for name in tools)
    )


def test_tools_are_remembered_in_the_order_the_model_read_them() -> None:
    memory = ConversationMemory()
    memory.record_tool_order("a", request("Bash", "Read"))
    memory.record_tool_order("a", request("Read"))
    memory.record_tool_order("a", request("Agent", "Bash", "Read"))

    assert memory.tool_order("a") == ("Bash", "Read", "Agent")


def test_each_conversation_has_its_own_tool_order() -> None:
    memory = ConversationMemory()
    memory.record_tool_order("a", request("Bash"))

    assert memory.tool_order("b") == ()


def test_calls_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "memory" / "calls.jsonl"
    ConversationMemory(file).record_tool_calls({"toolu_1": CALL})

    assert ConversationMemory(file).original_calls["toolu_1"] == CALL


def test_the_file_is_private(tmp_path: Path) -> None:
    file = tmp_path / "memory" / "calls.jsonl"
    ConversationMemory(file).record_tool_calls({"toolu_1": EMPTY})

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_incomplete_line_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    ConversationMemory(file).record_tool_calls({"toolu_1": EMPTY, "toolu_2": EMPTY})
    file.write_bytes(file.read_bytes()[:-5])

    assert list(ConversationMemory(file).original_calls) == ["toolu_1"]


def test_the_oldest_calls_are_dropped_when_the_memory_is_full() -> None:
    memory = ConversationMemory(max_bytes=2 * size_of(OriginalCall("x" * 4)))
    for number in range(4):
        memory.record_tool_calls({f"toolu_{number}": OriginalCall("x" * 4)})

    assert list(memory.original_calls) == ["toolu_2", "toolu_3"]


def test_a_call_recorded_again_is_counted_once() -> None:
    memory = ConversationMemory(max_bytes=size_of(OriginalCall("x" * 4)))
    for _ in range(4):
        memory.record_tool_calls({"toolu_1": OriginalCall("x" * 4)})

    assert list(memory.original_calls) == ["toolu_1"]


def test_the_file_is_at_most_twice_the_limit_and_keeps_the_newest_calls(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    limit = 4 * size_of(OriginalCall("x" * 5_000)) + 100
    first = ConversationMemory(file, max_bytes=limit)
    sizes: list[int] = []
    for number in range(40):
        first.record_tool_calls({f"toolu_{number}": OriginalCall("x" * 5_000)})
        sizes.append(file.stat().st_size)
    again = ConversationMemory(file, max_bytes=limit)

    assert max(sizes) <= 2 * limit
    assert list(again.original_calls) == ["toolu_36", "toolu_37", "toolu_38", "toolu_39"]


def test_a_file_that_is_too_large_is_trimmed_when_the_next_call_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    ConversationMemory(file).record_tool_calls({f"toolu_{number}": OriginalCall("x" * 5_000) for number in range(40)})
    limit = 4 * size_of(OriginalCall("x" * 5_000)) + 100
    memory = ConversationMemory(file, max_bytes=limit)
    assert list(memory.original_calls) == ["toolu_36", "toolu_37", "toolu_38", "toolu_39"]

    memory.record_tool_calls({"toolu_40": OriginalCall("x" * 5_000)})
    assert file.stat().st_size <= limit
    assert list(ConversationMemory(file).original_calls)[-2:] == ["toolu_39", "toolu_40"]


def test_calls_are_kept_in_memory_if_the_file_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    memory = ConversationMemory(blocked / "calls.jsonl")
    memory.record_tool_calls({"toolu_1": EMPTY})

    assert memory.original_calls == {"toolu_1": EMPTY}


def test_every_form_of_a_call_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    event = ended(
        raw_arguments={"toolu_1": "{}", "toolu_2": '{"path": 1}', "toolu_3": '{"file_path": 1}'},
        repaired_arguments={"toolu_2": '{"file_path": 1}'},
        written_calls={"toolu_3": "\n<tool_call>\u2028</tool_call>\n"},
    )
    ConversationMemory(file).exchange_ended(event)

    assert ConversationMemory(file).original_calls == {
        "toolu_1": EMPTY,
        "toolu_2": OriginalCall('{"path": 1}', sent='{"file_path": 1}'),
        "toolu_3": OriginalCall('{"file_path": 1}', written="\n<tool_call>\u2028</tool_call>\n"),
    }


def test_a_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"id":"toolu_1","arguments":"{\\"b\\": 1,  \\"a\\": 2}"}\n')

    assert ConversationMemory(file).original_calls == {"toolu_1": CALL}


def test_all_texts_of_a_call_count() -> None:
    long = "x" * 1000
    memory = ConversationMemory(max_bytes=5 * len(long))
    memory.record_tool_calls({"toolu_1": OriginalCall(long, long), "toolu_2": OriginalCall(long, written=long)})
    memory.record_tool_calls({"toolu_3": OriginalCall("x")})

    assert list(memory.original_calls) == ["toolu_2", "toolu_3"]


def test_what_the_server_wants_back_is_kept_with_its_origin_and_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    sent = prepared_for(FakeBackend(target_at("http://a/v1")))
    received = ProviderFields('{"extra_content":1}', message='{"reasoning_details":[]}', reasoning="thought")
    event = ended(raw_arguments={"toolu_1": "{}"}, sent=sent)
    ConversationMemory(file).exchange_ended(replace(event, provider_fields={"toolu_1": received}))

    kept = ConversationMemory(file).original_calls["toolu_1"].provider_fields

    assert kept == replace(received, origin=sent.origin)
    assert "http://a/v1" in sent.origin
    assert sent.model in sent.origin


def test_what_the_server_wants_back_counts_as_the_texts_do() -> None:
    memory = ConversationMemory(max_bytes=1000)
    returned = ProviderFields("x" * 500)
    memory.record_tool_calls({"toolu_1": EMPTY, "toolu_2": OriginalCall("", provider_fields=returned)})

    assert list(memory.original_calls) == ["toolu_2"]


def test_a_call_that_is_longer_than_any_that_is_repeated_is_not_kept() -> None:
    memory = ConversationMemory()
    memory.record_tool_calls({"toolu_1": EMPTY, "toolu_2": OriginalCall("x" * (MAX_CALL_CHARACTERS + 1))})

    assert list(memory.original_calls) == ["toolu_1"]


def test_without_a_budget_nothing_stays_and_no_question_fails() -> None:
    budget = MemoryBudget(0)
    memory = ConversationMemory(budget=budget)
    memory.record_tool_order("a", request("Bash"))
    memory.record_tool_calls({"toolu_1": CALL})
    budget.enforce()

    assert sum(budget.kept.values()) == 0
    assert memory.tool_order("a") == ()
    assert memory.original_calls == {}
