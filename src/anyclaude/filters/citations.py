"""
Marks the sentences of a reply that repeat a source as citations (docs: "Citations").

The model knows nothing of them: what it writes is compared with the sources that the client wants to have cited.
"""

import re
from collections.abc import Sequence

from anyclaude.protocol.citable_sources import CitableSource
from anyclaude.protocol.deltas import CitedTextDelta, Delta, TextDelta, UsageReported

from .base import FilterContext
from .sentences import end_of_sentence
from .source_index import SourceIndex

_FENCE = re.compile(r"\s*(```+|~~~+)")
_BEFORE_SENTENCE = re.compile(r"\s*(?:[-*+•>]|\d+[.)])\s+")
_LINK_TARGET = re.compile(r"\]\([^()\s]*\)")
_HEADING = re.compile(r"\s*#")


def citations(context: FilterContext) -> "CitationFilter | None":
    """Return the filter for one reply, which must be the last: it changes how the text is divided."""
    return CitationFilter(context.sources) if context.sources else None


class CitationFilter:
    """Holds back a sentence until its end, and delivers it with its citation if it has one; code is never cited."""

    def __init__(self, sources: Sequence[CitableSource]) -> None:
        self._sources = sources
        self._index: SourceIndex | None = None
        self._held = ""
        self._fence = ""  # that closes the code which is being read
        self._begins_line = True

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered so far."""
        delivered: list[Delta] = []
        for delta in deltas:
            if type(delta) is TextDelta:
                self._held += delta.text
                delivered += self._sentences(is_whole=False)
            elif type(delta) is UsageReported:
                delivered.append(delta)
            else:
                delivered += [*self.finish(), delta]
        return delivered

    def finish(self) -> list[Delta]:
        """Return the sentence that is held back, which ends here."""
        delivered = self._sentences(is_whole=True)
        self._begins_line = True
        return delivered

    def _sentences(self, *, is_whole: bool) -> list[Delta]:
        """Return the sentences that are complete."""
        delivered: list[Delta] = []
        start = 0
        while end := end_of_sentence(self._held, start, is_whole=is_whole):
            sentence = self._held[start:end]
            delivered.append(self._delta(sentence))
            self._begins_line = "\n" in sentence[len(sentence.rstrip()) :]
            start = end
        self._held = self._held[start:]
        return delivered

    def _delta(self, sentence: str) -> Delta:
        fence = _FENCE.match(sentence) if self._begins_line else None
        if self._fence:
            if fence is not None and fence[1].startswith(self._fence):
                self._fence = ""
            return TextDelta(sentence)
        if fence is not None:
            self._fence = fence[1]
            return TextDelta(sentence)
        plain = _LINK_TARGET.sub("]", _BEFORE_SENTENCE.sub("", sentence, count=1)).rstrip()
        if not plain or _HEADING.match(plain) or plain.endswith(("?", "？")):
            return TextDelta(sentence)
        if self._index is None:
            self._index = SourceIndex(self._sources)
        citation = self._index.citation_for(plain)
        return TextDelta(sentence) if citation is None else CitedTextDelta(sentence, (citation,))
