"""
Names of models as clients, users and servers write them.

A name may be one of the client's own words (`sonnet`), one of Anthropic's models, or a server's name in another
spelling: without its organisation, its tag, or its capitals.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

WINDOW_MARK = re.compile(r"(?:\s*\[1m\])+\s*$", re.IGNORECASE)
"""Claude Code's mark for a window of a million tokens, at the end of a name; it is for the client alone."""

TIER_WORDS = ("opus", "sonnet", "haiku", "fable")

CLIENT_WORDS = frozenset({*TIER_WORDS, "default", "best", "opusplan"})
"""What Claude Code 2.1.330 takes as `--model` in place of a name."""

ANTHROPICS = re.compile(r"(?:(?:us|eu|apac|global)\.)?(?:anthropic[./])?claude-[\w.:@-]+", re.IGNORECASE)
"""A model of Anthropic's as its API, Bedrock, Vertex and OpenRouter name it."""

LATEST = ":latest"
"""The tag that Ollama adds to a name without one."""

CLOSE = 0.6
"""The likeness of names that are suggested: the default of `difflib`."""

MAX_SUGGESTIONS = 3

MIN_PART = 3
"""A shorter part of a name is in too many."""


def without_window_mark(name: str) -> str:
    """Return a name without the client's mark `[1m]`."""
    return WINDOW_MARK.sub("", name).strip()


def client_word(name: str) -> str | None:
    """Return the client's word for a model that only the client knows, `None` for any other name."""
    word = without_window_mark(name).lower()
    if word in CLIENT_WORDS:
        return word
    if not ANTHROPICS.fullmatch(word):
        return None
    return next((tier for tier in TIER_WORDS if tier in word), "default")


def word_for_client(name: str | None, names: Sequence[str]) -> str | None:
    """Return the word that the client is to be given for a name, `None` if it is that of one of a server's models."""
    return None if name is None or without_window_mark(name) in names else client_word(name)


def listed_name(name: str, names: Sequence[str]) -> str | None:
    """
    Return a listed name that means the same model, `None` if there is none, or several.

    The names may differ in their capitals, in the tag `:latest`, or in that only one names an organisation.
    """
    if name in names:
        return name
    wanted = _plain(name)
    for is_same in (_plain, _without_organisation):
        found = {other for other in names if is_same(other) == wanted or _plain(other) == is_same(name)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def close_names(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a name may be a slip for, the closest first."""
    by_plain = {_without_organisation(other): other for other in names}
    wanted = _without_organisation(name)
    close = get_close_matches(wanted, by_plain, MAX_SUGGESTIONS, CLOSE)
    is_part = len(wanted) >= MIN_PART
    longer = [other for other in by_plain if is_part and wanted in other and other not in close]
    return tuple(by_plain[other] for other in (*close, *longer)[:MAX_SUGGESTIONS])


def _plain(name: str) -> str:
    return name.lower().removesuffix(LATEST)


def _without_organisation(name: str) -> str:
    return _plain(name).rpartition("/")[2]
