"""What a row of the table derives from the type and the default of its field."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from anyclaude.secret import Secret
from anyclaude.settings.setting import Setting, flag_named, variable_named


class Values(Struct):
    """Fields of every type that a setting has."""

    colour: Literal["red", "blue"] | None = None
    count: Annotated[int, Meta(ge=1)] | None = None
    port: Annotated[int, Meta(ge=0, le=9)] = 4
    limit: Annotated[float, Meta(gt=0)] = 1800.0
    is_on: bool = True
    folder: Path | None = Path("~/x")
    name: str = "n"
    key: Secret | None = None


def setting(name: str, *, otherwise: str = "", has_flag: bool = False) -> Setting:
    return Setting(
        name=name, metavar="X", meaning="…", source="…", otherwise=otherwise, has_flag=has_flag, owner=Values
    )


@pytest.mark.parametrize(
    ("name", "allowed", "default"),
    [
        ("port", "a whole number from 0 to 9", "4"),
        ("limit", "a number above 0", "1800"),
        ("is_on", "true or false", "true"),
        ("folder", "a path", "~/x"),
        ("name", "text", "n"),
    ],
)
def test_allowed_values_and_default_are_worded(name: str, allowed: str, default: str) -> None:
    row = setting(name)

    assert (row.allowed_text, row.default_text) == (allowed, default)


def test_a_list_of_words_is_taken_from_the_type_in_alphabetical_order() -> None:
    assert setting("colour").allowed_values == ("blue", "red")
    assert setting("colour").allowed_text == "blue, red"
    assert setting("count").allowed_text == "a whole number of at least 1"


def test_a_default_that_depends_on_the_launch_is_described_in_words() -> None:
    assert setting("count", otherwise="as many as there are").default_text == "as many as there are"


def test_a_secret_is_recognised_by_its_type() -> None:
    assert setting("key").is_secret
    assert not setting("name").is_secret


def test_flag_and_variable_are_derived_from_the_name() -> None:
    assert (flag_named("is_on"), variable_named("is_on")) == ("--is-on", "ANYCLAUDE_IS_ON")
    assert setting("is_on", has_flag=True).flag == "--is-on"
    assert setting("is_on").flag is None
    assert setting("is_on").variable == "ANYCLAUDE_IS_ON"
