"""The end of a JSON document is found however it arrives."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.protocol.json_end import PIECE_CHARACTERS, JsonEnd

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('"\\{}[]a,')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('"\\{}a')), inner, max_size=3),
)


@given(
    st.dictionaries(st.text(max_size=3), documents)
    .map(lambda value: msgspec.json.encode(value).decode())
    .flatmap(lambda text: st.tuples(st.just(text), any_split(text)))
)
def test_the_end_of_a_document_is_found_at_its_last_character(drawn: tuple[str, list[str]]) -> None:
    text, pieces = drawn
    short, end = JsonEnd(), JsonEnd()
    short.feed(text[:-1])
    for piece in pieces:
        end.feed(piece)

    assert end.is_reached
    assert not short.is_reached


@given(st.integers(0, 4), documents)
def test_the_end_of_a_document_of_several_pieces_is_found(shift: int, value: object) -> None:
    text = msgspec.json.encode(["\\" * (PIECE_CHARACTERS // 2) + "a" * shift, value]).decode()
    short, end = JsonEnd(), JsonEnd()
    short.feed(text[:-1])
    end.feed(text)

    assert end.is_reached
    assert not short.is_reached
