"""
Finds the sentence of a source that a sentence of a reply repeats, or paraphrases closely.

A citation that the source does not bear out is worse than none.  So the two sentences are compared word by word, in
order, and a citation needs all of the following:

* The words they share weigh at least as much as four words, and three quarters of the reply's sentence.
* Every number of the reply's sentence is shared.
* Nothing is replaced: between two shared words there are other words in at most one of the sentences.  `rose` for
  `fell` is not told from `rose` for `increased`, so neither is cited.
* Negations and other qualifiers (`not`, `may`, `almost`) are the same.
* The reply adds no name, and none has another place.
* Of the source's sentence, between the first and the last shared word, at most half is left out.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import pairwise

from msgspec import Struct

from anyclaude.protocol.citable_sources import CitableSource
from anyclaude.protocol.json_values import JsonObject

from .sentences import sentences_in
from .words import WORD_WEIGHT, Word, words_of

MIN_SHARED_WEIGHT = 4 * WORD_WEIGHT
MIN_SHARED_FRACTION = 0.75
MIN_KEPT_FRACTION = 0.5

MAX_WORDS = 400_000
"""Of all sources: 2 MB of English.  What comes after them is not cited."""

MAX_COMPARED_WORDS = 100
"""Of a sentence: the five comparisons that one of the reply may need take 15 ms at most.  Longer ones are not cited."""

MAX_OCCURRENCES = 2_000
"""A word in more sentences than that does not lead to any."""

MAX_CANDIDATES = 3
"""The sentences of the sources with which one of the reply is compared."""


class _Place(Struct, frozen=True, gc=False):
    """A sentence of one text of one source, by their numbers."""

    source: int
    text: int
    start: int
    end: int


class SourceIndex:
    """The sentences of some sources, by the words in them; made in time linear in their length."""

    def __init__(self, sources: Sequence[CitableSource]) -> None:
        self._sources = sources
        self._places: list[_Place] = []
        self._sentences_with: dict[str, array[int]] = {}
        self._add(sources)

    def citation_for(self, sentence: str) -> JsonObject | None:
        """Return the citation that a sentence of the reply deserves, `None` for most."""
        words = words_of(sentence)
        if sum(word.weight for word in words) < MIN_SHARED_WEIGHT or len(words) > MAX_COMPARED_WORDS:
            return None
        candidates = self._candidates(words)
        ranges = [(number, number) for number in candidates]
        ranges += [both for number in candidates[:1] for both in self._neighbours(number)]
        found = (self._cited(words, first, last) for first, last in ranges)
        return next((cited for cited in found if cited is not None), None)

    def _add(self, sources: Sequence[CitableSource]) -> None:
        left = MAX_WORDS
        for place in _places(sources):
            words = words_of(sources[place.source].texts[place.text], place.start, place.end)
            if (left := left - len(words)) < 0:
                return
            for key in _keys(words):
                self._sentences_with.setdefault(key, array("I")).append(len(self._places))
            self._places.append(place)

    def _candidates(self, words: Sequence[Word]) -> list[int]:
        """Return the sentences that share the most words, the best first."""
        shared = Counter[int]()
        for key in _keys(words):
            numbers = self._sentences_with.get(key)
            if numbers is not None and len(numbers) <= MAX_OCCURRENCES:
                shared.update(numbers)
        return nsmallest(MAX_CANDIDATES, shared, key=lambda number: (-shared[number], number))

    def _neighbours(self, number: int) -> Iterator[tuple[int, int]]:
        """Yield a sentence with the one before it and with the one after it: a reply may join two."""
        for first, last in ((number - 1, number), (number, number + 1)):
            if first >= 0 and last < len(self._places):
                one, other = self._places[first], self._places[last]
                if (one.source, one.text) == (other.source, other.text):
                    yield first, last

    def _cited(self, words: Sequence[Word], first: int, last: int) -> JsonObject | None:
        """Return the citation of some neighbouring sentences if they bear out the words."""
        place, start, end = self._places[first], self._places[first].start, self._places[last].end
        source = self._sources[place.source]
        cited = words_of(source.texts[place.text], start, end)
        if len(cited) > MAX_COMPARED_WORDS or not is_borne_out(words, cited):
            return None
        return source.citation(place.text, start, end)


def _places(sources: Sequence[CitableSource]) -> Iterator[_Place]:
    for source_number, source in enumerate(sources):
        for text_number, text in enumerate(source.texts):
            for start, end in sentences_in(text):
                yield _Place(source_number, text_number, start, end)


def is_borne_out(said: Sequence[Word], source: Sequence[Word]) -> bool:
    """Return whether a sentence of a source bears out a sentence of a reply, by the rules above."""
    if _qualifiers(said) != _qualifiers(source):
        return False
    forms = {word.form for word in source}
    needed = MIN_SHARED_FRACTION * sum(word.weight for word in said)
    if sum(word.weight for word in said if word.form in forms) < needed:
        return False  # whatever their order
    pairs = _shared(said, source)
    shared = {one for one, _ in pairs}
    weight = sum(said[position].weight for position in shared)
    distinct = sum({said[position].form: said[position].weight for position in shared}.values())
    if distinct < MIN_SHARED_WEIGHT or weight < needed:
        return False
    for position, word in enumerate(said):
        if position not in shared and (word.is_number or (word.is_name and word.weight and word.form not in forms)):
            return False
    return not (_is_moved(said, source, pairs) or _is_replaced(said, source, pairs)) and _is_dense(source, pairs)


def _keys(words: Sequence[Word]) -> set[str]:
    """Return what a sentence is found by: its words, and the pairs of characters in scripts without spaces."""
    keys = {word.form for word in words if word.weight == WORD_WEIGHT}
    keys |= {
        one.form + other.form
        for one, other in pairwise(words)
        if one.weight < WORD_WEIGHT and other.weight < WORD_WEIGHT and one.weight + other.weight
    }
    return keys


def _qualifiers(words: Sequence[Word]) -> Counter[str]:
    return Counter(word.qualifier for word in words if word.qualifier)


def _shared(said: Sequence[Word], source: Sequence[Word]) -> list[tuple[int, int]]:
    """Return the positions of the words in the heaviest common subsequence; words without weight count a little."""
    rows = [[0] * (len(source) + 1)]
    forms = [word.form for word in source]
    for word in reversed(said):
        below, row = rows[-1], [0] * (len(source) + 1)
        value, form = 8 * word.weight + 1, word.form
        for at in range(len(source) - 1, -1, -1):
            best = max(below[at], row[at + 1])
            row[at] = max(best, below[at + 1] + value) if forms[at] == form else best
        rows.append(row)
    rows.reverse()
    pairs: list[tuple[int, int]] = []
    one = other = 0
    while one < len(said) and other < len(source):
        value = 8 * said[one].weight + 1
        if said[one].form == forms[other] and rows[one][other] == rows[one + 1][other + 1] + value:
            pairs.append((one, other))
            one, other = one + 1, other + 1
        elif rows[one][other] == rows[one + 1][other]:
            one += 1
        else:
            other += 1
    return pairs


def _is_moved(said: Sequence[Word], source: Sequence[Word], pairs: Sequence[tuple[int, int]]) -> bool:
    """Return whether both sentences have a name, in another place: `to Paris from Rome` is not `from Paris to Rome`."""
    here, there = {one for one, _ in pairs}, {other for _, other in pairs}
    left = {word.form for at, word in enumerate(said) if word.is_name and word.weight and at not in here}
    return any(word.form in left for at, word in enumerate(source) if at not in there)


def _is_replaced(said: Sequence[Word], source: Sequence[Word], pairs: Sequence[tuple[int, int]]) -> bool:
    """Return whether both sentences have words of their own in the same place."""
    places = [(-1, -1), *pairs, (len(said), len(source))]
    return any(
        any(word.weight for word in said[one + 1 : next_one])
        and any(word.weight for word in source[other + 1 : next_other])
        for (one, other), (next_one, next_other) in pairwise(places)
    )


def _is_dense(source: Sequence[Word], pairs: Sequence[tuple[int, int]]) -> bool:
    span = source[pairs[0][1] : pairs[-1][1] + 1]
    kept = sum(source[position].weight for _, position in pairs)
    return kept >= MIN_KEPT_FRACTION * sum(word.weight for word in span)
