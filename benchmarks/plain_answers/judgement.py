"""What is wrong with a plain answer, judged by its form alone."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

MARKERS = ("<tool", "</tool", "@tool", "@call", "<|im_", "# Tools", "# Instructions")
"""What only a chat template writes: ours, the models' own, and earlier forms of ours."""

REPEATS = 3
"""A sentence that occurs this often is no longer a figure of speech."""

_CODE = re.compile(r"\s*(```|[{\[<#]|//|/\*|(import|from|def|class|function|const|let|var|return|print)\b[ (])")
_SENTENCE_END = re.compile(r"[.!?\n]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to a plain question."""

    text: str
    ended: bool
    """Whether the model ended it, rather than the limit of tokens."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The number of answers with each fault."""

    begins_like_code: int = 0
    contains_a_marker: int = 0
    repeats_itself: int = 0
    did_not_end: int = 0
    is_empty: int = 0

    @property
    def total(self) -> int:
        """The number of faults; an answer can have several."""
        return sum(getattr(self, fault.name) for fault in fields(self))


def faults_of(answers: Iterable[Answer]) -> Faults:
    """Return how many of the answers have each fault."""
    given = tuple(answers)
    return Faults(
        begins_like_code=sum(begins_like_code(answer.text) for answer in given),
        contains_a_marker=sum(contains_a_marker(answer.text) for answer in given),
        repeats_itself=sum(repeats_itself(answer.text) for answer in given),
        did_not_end=sum(not answer.ended for answer in given),
        is_empty=sum(not answer.text.strip() for answer in given),
    )


def begins_like_code(text: str) -> bool:
    """Return whether a text begins with a fence, a bracket, a comment, or a keyword of a programming language."""
    return bool(_CODE.match(text))


def contains_a_marker(text: str) -> bool:
    """Return whether something of a chat template stands in the text."""
    return any(marker in text for marker in MARKERS)


def repeats_itself(text: str) -> bool:
    """Return whether a sentence or line of more than one word occurs three times."""
    sentences = (sentence.strip() for sentence in _SENTENCE_END.split(text))
    counted = Counter(sentence for sentence in sentences if " " in sentence)
    return max(counted.values(), default=0) >= REPEATS
