"""Adjacent pieces of one kind become one delta, and calls get slots that no server uses."""

from tests.parts.written_calls import offered

from anyclaude.filters.written.output import FIRST_SLOT, Output
from anyclaude.protocol.deltas import TextDelta, ThinkingDelta, ToolCallDelta, UsageReported

ARGUMENTS = '{"file_path": "/a"}'


def test_adjacent_pieces_of_one_kind_are_joined() -> None:
    output = Output()
    for text in ("a", "", "b"):
        output.text(text)
    output.text("c", ThinkingDelta)
    output.text("d", ThinkingDelta)
    output.text("")
    output.text("e", ThinkingDelta)
    output.text("f")

    assert output.take() == [TextDelta("ab"), ThinkingDelta("cde"), TextDelta("f")]


def test_deltas_are_delivered_once() -> None:
    output = Output()
    output.text("a")

    assert (output.take(), output.take()) == ([TextDelta("a")], [])


def test_any_other_delta_keeps_its_place() -> None:
    output = Output()
    output.text("a")
    output.add(UsageReported(1))
    output.text("b")

    assert output.take() == [TextDelta("a"), UsageReported(1), TextDelta("b")]


def test_each_call_has_a_slot_and_the_text_that_follows_it_too() -> None:
    output = Output()
    found = offered().from_arguments("Read", ARGUMENTS, "")
    output.call(output.call_delta(found, "<call>"))
    output.after_call("")
    output.after_call("</call>")
    output.call(output.call_delta(found, "again"))

    assert output.take() == [
        ToolCallDelta(FIRST_SLOT, "Read", ARGUMENTS, "<call>"),
        ToolCallDelta(FIRST_SLOT, written="</call>"),
        ToolCallDelta(FIRST_SLOT + 1, "Read", ARGUMENTS, "again"),
    ]


def test_what_follows_a_call_that_is_not_delivered_is_dropped() -> None:
    output = Output()
    found = offered().from_arguments("Read", ARGUMENTS, "")
    output.call(output.call_delta(found, "<call>"))
    output.call_delta(found, "<another>")
    output.after_call("</another>")

    assert output.take() == [ToolCallDelta(FIRST_SLOT, "Read", ARGUMENTS, "<call>")]
