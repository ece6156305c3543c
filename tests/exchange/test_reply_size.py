"""A reply has a size that no honest server reaches, and its exchange reserves what it takes."""

import pytest

from anyclaude.errors import BackendGarbled, MemoryExhausted
from anyclaude.exchange.reply_size import MAX_REPLY_SIZE, ReplySize, size_in_bytes
from anyclaude.memory_budget import MIN_CHECKED_BYTES, MemoryBudget
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.provider_fields import ProviderFields

MAX_TOKENS = 128_000
"""The most that the client requests."""


@pytest.mark.parametrize(
    "large",
    [
        TextDelta("x" * 1000),
        ThinkingDelta("x" * 1000),
        ThinkingDelta("", "x" * 1000),
        ToolCallDelta(0, "x" * 1000),
        ToolCallDelta(0, arguments="x" * 1000),
        ToolCallDelta(0, written="x" * 1000),
        ToolCallDelta(0, raw_arguments="x" * 1000),
        ToolCallDelta(0, provider_fields=ProviderFields(reasoning="x" * 1000)),
    ],
)
def test_every_text_of_a_delta_counts(large: Delta) -> None:
    assert size_in_bytes([large]) == size_in_bytes([TextDelta("")]) + 1000


@pytest.mark.parametrize(
    ("character", "width"),
    [("\N{LATIN SMALL LETTER E WITH ACUTE}", 1), ("\N{CJK UNIFIED IDEOGRAPH-4E2D}", 2), ("\N{GRINNING FACE}", 4)],
)
def test_a_text_counts_as_the_memory_that_its_alphabet_takes(character: str, width: int) -> None:
    short, long = TextDelta(character), TextDelta(character * 1001)

    assert size_in_bytes([long]) - size_in_bytes([short]) == 1000 * width


def test_a_delta_without_a_text_counts_too() -> None:
    assert size_in_bytes([UsageReported(), Finished("end_turn")]) > 0


def test_the_longest_reply_that_the_client_requests_is_far_from_the_limit() -> None:
    token: list[Delta] = [TextDelta(" word"), UsageReported(output_tokens=1)]

    assert MAX_TOKENS * size_in_bytes(token) < MAX_REPLY_SIZE / 3


def test_a_reply_over_the_limit_is_broken_off() -> None:
    size = ReplySize()
    batch: list[Delta] = [TextDelta("x" * (MAX_REPLY_SIZE // 4))]
    for _ in range(3):
        assert size.add(batch) is batch

    with pytest.raises(BackendGarbled, match="never end"):
        size.add(batch)


def test_what_arrives_is_reserved_until_there_is_no_room() -> None:
    budget = MemoryBudget(limit_bytes=2 * MIN_CHECKED_BYTES)
    batch: list[Delta] = [TextDelta("x" * MIN_CHECKED_BYTES)]
    with budget.reserve(10 * MIN_CHECKED_BYTES), budget.reserve() as reservation:
        size = ReplySize(reservation)
        size.add(batch)

        assert reservation.bytes == size_in_bytes(batch)
        with pytest.raises(MemoryExhausted):
            size.add(batch)
