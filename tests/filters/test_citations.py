"""Sentences that repeat a source are delivered with their citations, however the reply arrives."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.splits import any_split

from anyclaude.filters import FilterContext, citations
from anyclaude.profiles import profile_named
from anyclaude.protocol.citable_sources import CitableSource
from anyclaude.protocol.deltas import CitedTextDelta, Delta, Finished, TextDelta, ThinkingDelta, UsageReported

FACT = "The harbour of Hamburg has four container terminals."
OTHER = "Dr. Smith opened the new library in 2011."
SOURCES = (CitableSource("char_location", (f"{FACT} {OTHER}",), 0, "Notes"),)
CONTEXT = FilterContext((), profile_named("llamacpp"), "local-model", sources=SOURCES)
LONG = "x" * 400
END = Finished("end_turn")
parts = st.lists(
    st.sampled_from(
        [FACT, OTHER, " ", "\n", "\n\n", "- ", "1. ", "```\n", "Is it? ", "So. ", "e.g. ", "# ", "x" * 400]
    ),
    max_size=12,
).map("".join)


def filtered(*deltas: Delta) -> list[Delta]:
    """Return the deltas of a reply that passes the filter, text without a citation joined."""
    made = citations(CONTEXT)
    assert made is not None
    delivered = [passed for delta in deltas for passed in made.feed([delta])] + made.finish()
    joined: list[Delta] = []
    for delta in delivered:
        last = joined[-1] if joined else None
        if isinstance(delta, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = TextDelta(last.text + delta.text)
        else:
            joined.append(delta)
    return joined


def cited(text: str) -> list[str]:
    return [delta.text for delta in filtered(TextDelta(text)) if isinstance(delta, CitedTextDelta)]


@given(parts, st.data())
def test_the_text_stays_and_the_result_does_not_depend_on_how_it_is_split(text: str, data: st.DataObject) -> None:
    pieces = data.draw(any_split(text))

    delivered = filtered(*map(TextDelta, pieces), END)

    assert delivered == filtered(TextDelta(text), END)
    assert "".join(delta.text for delta in delivered if isinstance(delta, TextDelta | CitedTextDelta)) == text


@given(parts)
def test_no_piece_beside_a_citation_is_white_space_alone(text: str) -> None:
    delivered = filtered(TextDelta(text), END)

    if any(isinstance(delta, CitedTextDelta) for delta in delivered):
        assert all(delta.text.strip() for delta in delivered if isinstance(delta, TextDelta))


def test_a_sentence_is_delivered_when_the_next_begins() -> None:
    made = citations(CONTEXT)
    assert made is not None

    assert made.feed([TextDelta(FACT)]) == []
    assert made.feed([TextDelta(" ")]) == []
    (delta,) = made.feed([TextDelta("A")])
    assert isinstance(delta, CitedTextDelta)
    assert delta.text == FACT + " "
    assert delta.citations[0]["cited_text"] == FACT


def test_lists_and_abbreviations() -> None:
    assert cited(f"1. {FACT}\n2. {OTHER}\n") == [f"1. {FACT}\n", f"2. {OTHER}\n"]


def test_code_headings_and_questions_are_not_cited() -> None:
    assert cited(f"```\n{FACT}\n```\n# {FACT}\n{FACT[:-1]}?\n") == []
    assert cited(f"```\nx\n```\n{FACT}") == [FACT]


def test_what_is_held_comes_before_a_thought_and_the_end_but_not_before_a_count() -> None:
    thought, usage = ThinkingDelta("Hm."), UsageReported(1, 2)

    kinds = [type(delta) for delta in filtered(TextDelta(FACT), usage, thought, TextDelta("So"), END)]

    assert kinds == [UsageReported, CitedTextDelta, ThinkingDelta, TextDelta, Finished]


def test_without_sources_there_is_no_filter() -> None:
    assert citations(replace(CONTEXT, sources=())) is None
