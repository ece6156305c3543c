"""Which of the offered tools a written name means."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType

MAX_NAME = 128
"""The length of the longest tool name that the Messages API takes; what is longer is not a name with a slip in it."""

MIN_LETTERS_OF_A_TYPO = 5
"""In shorter names one letter makes another word: `Edit` and `Exit`, `Glob` and `Blob`."""

PREFIX = re.compile(r"(?:functions?|tools?|default_api|default_functions|assistant)[./:]", re.IGNORECASE)
"""The name spaces of models: `functions.` of gpt-oss and Kimi, `default_api.` of Gemini; never part of a name."""

MCP_NAME = re.compile(r"mcp__.+?__(.+)", re.DOTALL)
"""The client's name of an MCP server's tool: models often write the last part alone."""

SEPARATORS = re.compile(r"[-_ .:/]+")

ALIASES: Mapping[str, str] = MappingProxyType(
    {"task": "agent", "agent": "task", "killshell": "taskstop", "killbash": "taskstop", "shell": "bash", "run": "bash"}
)
"""Other names of one tool: those of earlier releases of Claude Code, which models have read, Codex's shell, and the
name that Qwen2.5-Coder-1.5B writes with all of Bash's arguments (`uv run python -m benchmarks.fix_task`).
`read_file` is not among them, because the tools of that name of several agents number lines differently."""


class ToolNames:
    """The names of the offered tools, and what is close enough to one of them to mean it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(name for name in names if name))
        self._exact = frozenset(self._names)

    def meant_by(self, written: str) -> str | None:
        """Return the one offered name that `written` means; `None` if it means none of them, or may mean several."""
        if written in self._exact:
            return written
        bare = PREFIX.sub("", written.strip().removesuffix("()"), count=1)
        if bare in self._exact:
            return bare
        spelling = _spelling(bare) if len(written) <= MAX_NAME else ""
        if not spelling:
            return None
        for spellings in (self._by_spelling, self._by_last_part):
            if spelling in spellings:
                return _only(spellings[spelling])
        if (alias := ALIASES.get(spelling)) is not None:
            return _only(self._by_spelling.get(alias, []))
        near = {name for part in _with_one_less(spelling) for name in self._by_less.get(part, ())}
        return _only([name for one in near if _is_typo(spelling, one) for name in self._by_spelling[one]])

    @cached_property
    def _by_spelling(self) -> dict[str, list[str]]:
        return _grouped((_spelling(name), name) for name in self._names)

    @cached_property
    def _by_last_part(self) -> dict[str, list[str]]:
        parts = ((MCP_NAME.fullmatch(name), name) for name in self._names)
        return _grouped((_spelling(part[1]), name) for part, name in parts if part is not None)

    @cached_property
    def _by_less(self) -> dict[str, list[str]]:
        """The spellings by what is left of them without one letter: two that differ in one have this in common."""
        return _grouped(
            (less, name) for name in self._by_spelling if len(name) <= MAX_NAME for less in _with_one_less(name)
        )


def _with_one_less(spelling: str) -> set[str]:
    """Return a spelling, and what is left of it without any one of its letters."""
    return {spelling, *(spelling[:at] + spelling[at + 1 :] for at in range(len(spelling)))}


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for spelling, name in pairs:
        groups.setdefault(spelling, []).append(name)
    return groups


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _spelling(name: str) -> str:
    """Return what is left of a name without case and separators: the same for `MultiEdit` and `multi_edit`."""
    return SEPARATORS.sub("", name).casefold()


def _is_typo(written: str, name: str) -> bool:
    """Return whether one letter is missing, surplus, wrong or swapped with its neighbour; another digit is no slip."""
    if min(len(written), len(name)) < MIN_LETTERS_OF_A_TYPO or abs(len(written) - len(name)) > 1:
        return False
    start = next((at for at, (one, other) in enumerate(zip(written, name, strict=False)) if one != other), None)
    start = min(len(written), len(name)) if start is None else start
    if any(text[start : start + 1].isdigit() for text in (written, name)):
        return False
    rest, other = written[start:], name[start:]
    is_swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return is_swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
