"""A character that is cut in two is joined, wherever the pieces end."""

from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.dialects.openai_chat.split_characters import SplitCharacters
from anyclaude.protocol.json_values import with_whole_characters

units = st.text(st.sampled_from("aé\n\u2028\U0001f600\ud83d\ude00\udc80\udc9f\udcc3\udce2\udcf0\udcff"), max_size=4)


@given(st.lists(units, max_size=6))
def test_the_pieces_add_up_to_the_text_in_whole_characters(pieces: list[str]) -> None:
    characters = SplitCharacters()

    text = "".join([*map(characters.whole, pieces), characters.rest()])

    assert text == with_whole_characters("".join(pieces))


@given(st.text(max_size=6), st.data())
def test_a_character_whose_bytes_arrive_in_several_pieces_is_joined(text: str, data: st.DataObject) -> None:
    pieces = data.draw(any_split(text.encode()))
    characters = SplitCharacters()

    joined = [characters.whole(piece.decode(errors="surrogateescape")) for piece in pieces]

    assert "".join([*joined, characters.rest()]) == text


def test_only_half_a_character_is_held_back() -> None:
    characters = SplitCharacters()

    assert characters.whole("look \ud83d") == "look "
    assert characters.whole("\ude00!") == "\U0001f600!"
    assert characters.rest() == ""
