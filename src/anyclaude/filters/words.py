"""
The words of a text, as citations compare them.

Scripts without spaces are read character by character; numbers and words are brought to one form each, so that
`1,000` and `1000`, `percent` and `%`, `offices` and `office` are equal.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


def _listed(words: str) -> list[str]:
    return words.split()


WORD_WEIGHT = 2
CHARACTER_WEIGHT = 1
"""A word of Chinese or Japanese has two characters most often."""

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Thai and Lao, Burmese, Khmer, Japanese, Chinese; Korean, whose words end in particles."""

_WORD = re.compile(
    rf"(?P<number>(?:(?<![\w.,)])[-\u2212])?\d+(?:[.,]\d+)*)|(?P<character>[{_UNSPACED}])"
    rf"|(?P<word>(?i:\b[ap]\.m\b)|(?:(?![{_UNSPACED}])[^\W\d_])+(?:['’](?:(?![{_UNSPACED}])[^\W\d_])+)*)"
    r"|(?P<sign>[%$€£¥°<>≤≥])"
)

_GROUPED = re.compile(r"-?\d{1,3}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3}){2,})")
"""Thousands apart; one point alone is a decimal point."""

_EMPTY = frozenset(
    _listed(
        """
    a an the and of in at on for as that which who is are was were be been being has have had it its this these those
    their his her they he she also
    der die das den dem des ein eine einen einem einer eines und ist sind war waren wird wurde wurden hat haben hatte im
    es sie er auch dass
    le la les l un une des du de d et est sont était étaient a ont en au aux que qui il elle ils elles aussi
    el los las una unos unas y es son era fue del al en que lo se
    il gli uno e è sono di che i o os as um uma é do da dos das
    的 了 是 在 和 は を が に の で と も 은 는 이 가 을 를
    """
    )
)
"""Words that say little: they may be there or not."""

_ATTRIBUTION = frozenset(
    _listed(
        """
    according report reports document documents source sources article text page study states stated says said notes
    noted mentions mentioned laut zufolge bericht dokument selon rapport según informe
    """
    )
)
"""With these, a reply names its source."""

_QUALIFIERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            _listed("""
            not no never none neither nor without cannot non nobody nothing nicht kein keine keinen keinem keiner nie
            niemals ohne ne pas jamais sans aucun aucune nunca sin ningún ninguna não nunca sem senza mai
            不 没 無 无 非 未 否 ない 안 못
            """),
            "not",
        ),
        **{
            word: word
            for word in _listed("""
            or oder ou
            may might could would should if unless only almost nearly hardly barely rarely seldom allegedly possibly
            perhaps probably likely unlikely false untrue fail fails failed refuse refuses refused deny denies denied
            könnte könnten dürfte vielleicht wahrscheinlich falls wenn nur fast kaum
            peut-être pourrait seulement presque si quizás podría casi
            """)
        },
    }
)
"""Words that turn a sentence round, or weaken it."""

_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        word: str(number)
        for number, word in enumerate(
            _listed("two three four five six seven eight nine ten eleven twelve"),
            start=2,
        )
    }
)

_ALIKE: Mapping[str, str] = MappingProxyType(dict.fromkeys(("percent", "prozent", "pourcent"), "%"))

_ENDINGS = ("ing", "ed", "es", "s", "e")
_MIN_STEM = 4


class Word(Struct, frozen=True, gc=False):
    """
    A word at its place in a text.

    `weight` is 0 for a word that says little.
    """

    form: str
    start: int
    end: int
    weight: int = WORD_WEIGHT
    is_number: bool = False
    is_name: bool = False
    """Whether it is written with a capital, and does not begin the text."""
    qualifier: str = ""
    """What it is, if it turns a sentence round or weakens it."""


def words_of(text: str, start: int = 0, end: int | None = None) -> list[Word]:
    """Return the words of a part of a text, in order."""
    found = _WORD.finditer(text, start, len(text) if end is None else end)
    return [_word(match, is_first=position == 0) for position, match in enumerate(found)]


def _word(match: re.Match[str], *, is_first: bool) -> Word:
    written, start, end = match[0], match.start(), match.end()
    match match.lastgroup:
        case "number":
            return Word(_number(written), start, end, is_number=True)
        case "character":
            weight = 0 if written in _EMPTY else CHARACTER_WEIGHT
            return Word(written, start, end, weight, qualifier=_QUALIFIERS.get(written, ""))
        case "sign":
            return Word(written, start, end)
        case _:
            return _written_word(written, start, end, is_first=is_first)


def _written_word(written: str, start: int, end: int, *, is_first: bool) -> Word:
    form = written.casefold().replace("’", "'").replace(".", "")
    if form in _NUMBERS:
        return Word(_NUMBERS[form], start, end, is_number=True)
    if form in _ALIKE:
        return Word(_ALIKE[form], start, end)
    qualifier = "not" if form.endswith("n't") else _QUALIFIERS.get(form, "")
    form = form.removesuffix("'s")
    weight = 0 if form in _EMPTY or form in _ATTRIBUTION else WORD_WEIGHT
    is_name = not is_first and written[0].isupper()
    return Word(_stem(form), start, end, weight, is_name=is_name, qualifier=qualifier)


def _stem(form: str) -> str:
    for ending in _ENDINGS:
        if form.endswith(ending) and len(form) - len(ending) >= _MIN_STEM:
            return form[: -len(ending)]
    return form


def _number(written: str) -> str:
    plain = written.replace("\u2212", "-")
    if not _GROUPED.fullmatch(plain):
        return plain.replace(",", ".")
    return plain.replace(",", "") if "," in plain else plain.replace(".", "")
