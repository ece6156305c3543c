"""Only what a source bears out is cited."""

import pytest

from anyclaude.filters.source_index import MAX_WORDS, SourceIndex
from anyclaude.protocol.citable_sources import CitableSource

TEXT = """Acme was founded in 1998 by two engineers in Berlin. The Amsterdam office, which opened in 2015, employs 120
engineers and 30 designers. Revenue increased by 12% in 2023, to 1,500,000 euros. The new drug may cause headaches in
elderly patients. The plant was not closed in spite of heavy losses in spring.

- Water boils at 100 degrees at sea level
- The harbour of Hamburg has four container terminals

東京駅から京都駅まで新幹線で約二時間十五分かかります。北京大学成立于一八九八年\uff0c是中国近代第一所国立综合性大学。
Die neue Bibliothek wurde im Jahr 2011 am Mailänder Platz in Stuttgart eröffnet."""
INDEX = SourceIndex([CitableSource("char_location", (TEXT,))])


@pytest.mark.parametrize(
    ("sentence", "begins"),
    [
        ("Acme was founded in 1998 by two engineers in Berlin.", "Acme was"),
        ("**Acme** was founded in *1998* by 2 engineers in Berlin.", "Acme was"),
        ("The Amsterdam office employs 120 engineers and 30 designers.", "The Amsterdam"),
        ("According to the report, revenue increased by 12 percent in 2023.", "Revenue"),
        ("Revenue increased by 12% in 2023 to 1500000 euros.", "Revenue"),
        ("The plant was not closed in spite of heavy losses in spring.", "The plant"),
        ("The harbour of Hamburg has four container terminals", "- The harbour"),
        ("東京駅から京都駅までは新幹線で約二時間十五分かかります。", "東京駅"),
        ("北京大学成立于一八九八年\uff0c是中国第一所国立综合性大学。", "北京大学"),
        ("Die Bibliothek wurde 2011 am Mailänder Platz in Stuttgart eröffnet.", "Die neue"),
    ],
)
def test_a_sentence_that_repeats_the_source_is_cited(sentence: str, begins: str) -> None:
    found = INDEX.citation_for(sentence)

    assert found is not None
    cited = found["cited_text"]
    assert isinstance(cited, str)
    assert cited.startswith(begins)
    assert isinstance(found["start_char_index"], int)
    assert isinstance(found["end_char_index"], int)
    assert TEXT[found["start_char_index"] : found["end_char_index"]] == cited


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("The meeting in Berlin starts at 2 pm on Friday.", "The meeting in Berlin starts at 2 am on Friday."),
        ("The meeting in Berlin starts at 2 p.m. on Friday.", "The meeting in Berlin starts at 2 a.m. on Friday."),
        (
            "She moved to Paris from London with two children.",
            "She moved from Paris to London with two children.",
        ),
        ("The plant needs water and sunlight every day.", "The plant needs water or sunlight every day."),
        ("If x > 5 the function returns the cached value.", "If x < 5 the function returns the cached value."),
    ],
)
def test_a_small_difference_that_means_another_thing_is_not_cited(source: str, sentence: str) -> None:
    index = SourceIndex([CitableSource("char_location", (source,))])

    assert index.citation_for(source) is not None
    assert index.citation_for(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "The Amsterdam office employs 120 engineers and 40 designers.",  # another number
        "The Amsterdam office employs 120 engineers, 30 designers and 9 lawyers.",
        "The Rotterdam office employs 120 engineers and 30 designers.",  # another name
        "Revenue decreased by 12% in 2023, to 1,500,000 euros.",  # the opposite
        "Costs increased by 12% in 2023.",
        "The new drug causes headaches in elderly patients.",  # more certain than the source
        "The plant was closed in spite of heavy losses in spring.",  # without the negation
        "Acme was not founded in 1998 by two engineers in Berlin.",
        "Berlin was founded in 1998 by two engineers in Acme.",  # another order
        "In 1998.",  # short
        "Acme was founded.",
        "The weather is nice in spring, and many people go to the lake.",  # unrelated
        "東京駅から大阪駅まで新幹線で約二時間十五分かかります。",
        "北京大学成立于一八九九年\uff0c是中国近代第一所国立综合性大学。",
        "Die neue Bibliothek wurde im Jahr 2011 am Mailänder Platz in Hamburg eröffnet.",
    ],
)
def test_a_sentence_that_says_something_else_is_not_cited(sentence: str) -> None:
    assert INDEX.citation_for(sentence) is None


def test_a_sentence_that_joins_two_of_the_source_cites_both() -> None:
    text = "The tower opened in 1889. Gustave Eiffel built the tower."
    index = SourceIndex([CitableSource("char_location", (text,))])

    found = index.citation_for("The tower opened in 1889, and Gustave Eiffel built the tower.")

    assert found is not None
    assert found["cited_text"] == text


def test_what_comes_after_the_most_words_is_not_read() -> None:
    sentence = "The harbour of Hamburg has four container terminals."
    first, second = "a. " * 3, "b " * MAX_WORDS
    index = SourceIndex([CitableSource("page_location", (first, second, sentence))])

    assert index.citation_for(sentence) is None


def test_a_page_is_cited_by_its_number() -> None:
    index = SourceIndex([CitableSource("page_location", (TEXT, "The harbour of Rotterdam has nine terminals."))])

    found = index.citation_for("The harbour of Rotterdam has nine terminals.")

    assert found is not None
    assert (found["start_page_number"], found["end_page_number"]) == (2, 3)
