"""The reference page of all settings, `docs/settings.md`, made from the table."""

from collections.abc import Iterator
from textwrap import fill

from anyclaude.profiles import PROFILES

from .setting import Setting, variable_named
from .table import FALLBACK, GROUPS, SETTINGS

WIDTH = 120
"""The columns of this project's documents."""

INTRODUCTION = """\
# Settings

<!-- Written by `uv run python -m anyclaude.settings > docs/settings.md`; change src/anyclaude/settings/table.py. -->

A setting is chosen by a flag, by an environment variable, or by a key in `~/.anyclaude/config.toml`. A flag wins over a
variable, a variable over a key, and a key over the default:

    anyclaude --context-tokens 65536
    ANYCLAUDE_CONTEXT_TOKENS=65536 anyclaude
    context_tokens = 65536                      # in ~/.anyclaude/config.toml

An empty variable counts as not set. Secrets are read from variables only: a flag is visible in the list of processes,
and files are copied. Most settings have no flag, because every word that is not anyclaude's goes to Claude Code.
"""

FALLBACK_HEADING = """\
## The tables `[[fallbacks]]`

    [[fallbacks]]
    mode = "ollama"
    model = "qwen3"

| key | meaning | allowed | default | why |
|---|---|---|---|---|
"""

KEYS_HEADING = """\
## Keys of servers

Each kind of server has a variable for its key.

| server | variable |
|---|---|
"""

RENAMED_HEADING = """\
## Renamed settings and values

The former names are accepted, with a warning. If both are given, the new one is used.

| formerly | now |
|---|---|
"""


def reference_page() -> str:
    """Return the page."""
    sections = [INTRODUCTION]
    for group in GROUPS:
        sections.append(f"## {group.title}\n")
        sections += [_section(setting) for setting in group.settings]
    sections.append(FALLBACK_HEADING + "".join(map(_fallback_row, FALLBACK)))
    sections += [KEYS_HEADING + "".join(_key_rows()), RENAMED_HEADING + "".join(_renamed_rows())]
    return "\n".join(sections)


def _section(setting: Setting) -> str:
    facts = (
        _names(setting),
        f"Allowed: {_allowed(setting)}",
        f"Default: {_default(setting)}",
        f"Why: {setting.source}",
    )
    return f"### `{setting.name}`\n\n{fill(setting.meaning, WIDTH)}\n\n{''.join(map(_item, facts))}"


def _item(text: str) -> str:
    lines = fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return f"{lines}\n"


def _fallback_row(setting: Setting) -> str:
    cells = (f"`{setting.name}`", setting.meaning, _allowed(setting), _default(setting), setting.source)
    return f"| {' | '.join(cells)} |\n"


def _names(setting: Setting) -> str:
    flag = f"flag `{setting.flag} {setting.metavar}`" if setting.flag else "no flag"
    key = "no key" if setting.is_secret else f"key `{setting.name}`"
    return f"{flag[0].upper()}{flag[1:]} · variable `{setting.variable}` · {key}"


def _allowed(setting: Setting) -> str:
    return ", ".join(f"`{value}`" for value in setting.allowed_values) or setting.allowed_text


def _default(setting: Setting) -> str:
    return setting.otherwise or f"`{setting.default_text}`"


def _key_rows() -> Iterator[str]:
    for profile in PROFILES:
        if profile.api_key_variable is not None:
            yield f"| {profile.title} (`{profile.name}`) | `{profile.api_key_variable}` |\n"


def _renamed_rows() -> Iterator[str]:
    for setting in SETTINGS:
        for old in setting.old_names:
            yield f"| `{old}`, `{variable_named(old)}` | `{setting.name}`, `{setting.variable}` |\n"
        for old_value, value in setting.old_values:
            yield f"| `{setting.name} = {old_value}` | `{setting.name} = {value}` |\n"
