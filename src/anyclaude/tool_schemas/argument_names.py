"""Which argument of a tool a model means, if it writes a name that the tool does not have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

ALIASES = (
    frozenset({"file_path", "path", "file", "filename", "filepath"}),
    frozenset({"path", "dir", "directory", "folder"}),
    frozenset({"command", "cmd", "script"}),
    frozenset({"content", "contents", "text"}),
    frozenset({"pattern", "query", "regex"}),
    frozenset({"old_string", "old_str", "old"}),
    frozenset({"new_string", "new_str", "new"}),
)
"""Names that the tools of common agents have for the same thing."""


def renames(written: Iterable[str], known: Set[str], expected: Set[str]) -> Mapping[str, str]:
    """
    Return the arguments that the unknown ones among `written` mean, where there is one reading only.

    An argument can be meant if it is one of `expected` and was not written, and if no other name means it too.  The
    same word in another case (`filePath`) comes before another word for the same thing (`filename`).
    """
    present = set(written)
    unknown = present - known
    if not unknown:
        return {}
    missing: dict[str, list[str]] = {}
    for target in expected - present:
        missing.setdefault(_spelling(target), []).append(target)
    meant = {name: _meant_by(_spelling(name), missing) for name in unknown}
    targets = Counter(meant.values())
    return {name: target for name, target in meant.items() if target is not None and targets[target] == 1}


def _meant_by(spelling: str, missing: Mapping[str, Sequence[str]]) -> str | None:
    """Return the one target that a spelling means; `missing` are the targets by their spelling."""
    spelled = missing.get(spelling)
    if spelled is None:
        aliases = {alias for group in _SPELLED_ALIASES if spelling in group for alias in group}
        spelled = [target for alias in aliases for target in missing.get(alias, ())]
    return spelled[0] if len(spelled) == 1 else None


def _spelling(name: str) -> str:
    """Return what is left of a name without case, separators and escapes of Markdown: the same for `filePath`."""
    return name.replace("\\", "").replace("_", "").replace("-", "").casefold()


_SPELLED_ALIASES = tuple(frozenset(map(_spelling, group)) for group in ALIASES)
