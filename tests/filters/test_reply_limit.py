"""The end of a reply that is longer than its model can make sense of."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.filters import FilterContext
from anyclaude.filters.reply_limit import SENTENCE, reply_limit
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported

LIMIT = 20


class Reply:
    """A reply whose text may have 20 characters."""

    def __init__(self) -> None:
        self.stops = 0
        profile = replace(EMBEDDED, max_reply_characters=LIMIT)
        made = reply_limit(FilterContext((), profile, "m", stop=self._stop))
        assert made is not None
        self._filter = made

    def fed(self, *batches: Sequence[Delta]) -> list[Delta]:
        """Return what the filter delivers of the batches."""
        return [delta for batch in batches for delta in self._filter.feed(batch)] + self._filter.finish()

    def _stop(self) -> None:
        self.stops += 1


def text_of(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta | ThinkingDelta))


def test_without_a_limit_there_is_no_filter() -> None:
    assert reply_limit(FilterContext((), EMBEDDED, "m")) is None


def test_a_long_reply_ends_the_turn_with_a_sentence_to_the_user() -> None:
    reply = Reply()

    assert reply.fed([TextDelta("x" * 15)], [TextDelta("y" * 15)]) == [
        TextDelta("x" * 15),
        TextDelta("y" * 5),
        TextDelta(SENTENCE),
        Finished("end_turn"),
    ]
    assert reply.stops == 1


def test_counts_that_come_after_the_end_are_delivered_and_nothing_else_is() -> None:
    after: list[Delta] = [TextDelta("more"), UsageReported(output_tokens=30), Finished("max_tokens")]

    assert Reply().fed([TextDelta("x" * 21)], after)[-2:] == [Finished("end_turn"), UsageReported(output_tokens=30)]


def test_the_arguments_of_a_call_do_not_count() -> None:
    call = ToolCallDelta(0, "Write", '{"content": "' + "x" * 50 + '"}')

    assert Reply().fed([TextDelta("x" * LIMIT)], [call, Finished("tool_use")])[-2:] == [call, Finished("tool_use")]


@given(st.lists(st.text(min_size=1, max_size=12), max_size=8))
def test_a_reply_is_the_same_up_to_the_limit_however_it_is_split(pieces: list[str]) -> None:
    whole = "".join(pieces)
    delivered = text_of(Reply().fed(*([TextDelta(piece)] for piece in pieces)))

    assert delivered == (whole if len(whole) <= LIMIT else whole[:LIMIT] + SENTENCE)
