"""The table describes every setting, once."""

from msgspec.structs import fields

from anyclaude.profiles import PROFILES
from anyclaude.settings import MODES, SETTINGS, Fallback, Setting, Settings, setting_named
from anyclaude.settings.table import FALLBACK
from anyclaude.timeouts import Timeouts

FIXED_TIMEOUTS = {"retry_seconds", "fallback_seconds"}
"""Time limits that are not settings."""

DERIVED = {"timeouts", "keys", "network", "keeps_logs"}
"""Fields that are made from several settings, from the servers' own variables, or from what the machine allows."""


def names(rows: tuple[Setting, ...], owner: type) -> list[str]:
    return [row.name for row in rows if row.owner is owner]


def test_every_field_has_one_row() -> None:
    settings = {field.name for field in fields(Settings)} - DERIVED
    timeouts = {field.name for field in fields(Timeouts)} - FIXED_TIMEOUTS

    assert sorted(names(SETTINGS, Settings)) == sorted(settings)
    assert sorted(names(SETTINGS, Timeouts)) == sorted(timeouts)
    assert names(FALLBACK, Fallback) == [field.name for field in fields(Fallback)]


def test_every_row_says_what_happens_without_a_value() -> None:
    assert [
        row.name for row in (*SETTINGS, *FALLBACK) if row.default in (None, (), frozenset()) and not row.otherwise
    ] == []


def test_a_former_name_belongs_to_one_setting_and_to_no_current_one() -> None:
    old = [name for row in SETTINGS for name in row.old_names]

    assert len(old) == len(set(old))
    assert not set(old) & {row.name for row in SETTINGS}


def test_the_modes_are_the_kinds_of_servers_and_claude_and_auto() -> None:
    assert (*(profile.name for profile in PROFILES), "claude", "auto") == MODES
    assert setting_named("mode").allowed_values == MODES


def test_a_former_value_is_none_of_today_and_means_one_of_today() -> None:
    renamed = [(row, old, new) for row in SETTINGS for old, new in row.old_values]

    assert {old for _, old, _ in renamed} == {"local", "mlx-lm", "mlx-textgen", "mlx-cluster"}
    assert [old for row, old, new in renamed if old in row.allowed_values or new not in row.allowed_values] == []


def test_a_secret_has_no_flag() -> None:
    assert [row.name for row in SETTINGS if row.is_secret and row.has_flag] == []
