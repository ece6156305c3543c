"""In what two launches differ, and which of several is nearer."""

import pytest
from msgspec.structs import replace

from anyclaude.prewarm.launches import Difference, LaunchKey, LaunchTraits, difference_between

TRAITS = LaunchTraits(client="c", diet="lean", flags="f", is_print=False, model="m")
GARDEN = LaunchKey("/garden", "one", TRAITS)


def other(folder: str = "/garden", **traits: object) -> LaunchKey:
    return LaunchKey(folder, "other", replace(TRAITS, **traits))


@pytest.mark.parametrize(
    ("key", "difference"),
    [
        (GARDEN, Difference()),
        (other(), Difference()),
        (other("/kitchen"), Difference(is_other_project=True)),
        (other(is_print=True), Difference(is_other_kind=True)),
        (other(model="n"), Difference(is_other_model=True)),
        (other(diet="full"), Difference(is_other_diet=True)),
        (other(client="d"), None),
        (other(flags="g"), None),
    ],
)
def test_launches_of_one_client_with_the_same_flags_are_compared(key: LaunchKey, difference: Difference | None) -> None:
    assert difference_between(key, GARDEN) == difference
    assert difference_between(GARDEN, key) == difference


def test_the_fingerprint_alone_tells_whether_launches_without_traits_are_alike() -> None:
    garden, kitchen = LaunchKey("/garden", "one"), LaunchKey("/kitchen", "one")

    assert difference_between(garden, kitchen) == Difference(is_other_project=True)
    assert difference_between(garden, GARDEN) == Difference()
    assert difference_between(LaunchKey("/garden", "two"), GARDEN) is None


def test_an_unknown_folder_is_the_same_project() -> None:
    assert difference_between(LaunchKey(""), LaunchKey("/garden")) == Difference()


def test_a_launch_is_the_nearer_the_more_of_its_prompt_is_the_same() -> None:
    """Another model changes one line; another project, what comes after the tools; another kind, the tools."""
    differences = [
        Difference(is_other_diet=True),
        Difference(is_other_kind=True),
        Difference(is_other_project=True, is_other_model=True),
        Difference(is_other_project=True),
        Difference(is_other_model=True),
        Difference(),
    ]

    assert sorted(differences) == differences[::-1]
