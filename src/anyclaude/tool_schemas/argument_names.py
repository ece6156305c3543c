"""Which argument of a tool a model means, if it writes a name that the tool does not have."""

from collections.abc import Iterable, Mapping, Set

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
    missing = sorted(expected - present)
    meant = {name: _meant_by(name, missing) for name in present - known}
    targets = [target for target in meant.values() if target is not None]
    return {name: target for name, target in meant.items() if target is not None and targets.count(target) == 1}


def _meant_by(name: str, missing: list[str]) -> str | None:
    spelled = [target for target in missing if _spelling(target) == _spelling(name)]
    if spelled:
        return spelled[0] if len(spelled) == 1 else None
    groups = [{_spelling(alias) for alias in group} for group in ALIASES if _spelling(name) in map(_spelling, group)]
    meant = [target for target in missing if any(_spelling(target) in group for group in groups)]
    return meant[0] if len(meant) == 1 else None


def _spelling(name: str) -> str:
    """Return what is left of a name without case, separators and escapes of Markdown: the same for `filePath`."""
    return name.replace("\\", "").replace("_", "").replace("-", "").casefold()
