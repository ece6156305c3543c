"""An amendment changes one quirk of a profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.profiles import Amendment, BackendProfile, FieldRange, amended, profile_named

PROFILE = profile_named("generic")
AMENDMENTS = st.sampled_from(
    [
        Amendment("omitted_fields", "stop"),
        Amendment("omitted_fields", "top_p"),
        Amendment("field_ranges", FieldRange("max_tokens", 1, 8192)),
        Amendment("field_ranges", FieldRange("max_tokens", 1, 4096)),
        Amendment("prefill", "in_question"),
        Amendment("streams", False),
        Amendment("max_description_characters", 1024),
    ]
)


def test_a_quirk_gets_the_new_value() -> None:
    assert amended(PROFILE, [Amendment("prefill", "in_question")]).prefill == "in_question"


def test_a_quirk_that_holds_several_values_gets_one_more() -> None:
    profile = amended(PROFILE, [Amendment("omitted_fields", "stop"), Amendment("omitted_fields", "top_p")])

    assert profile.omitted_fields == ("stop", "top_p")


def test_a_range_takes_the_place_of_the_one_before() -> None:
    wide, narrow = FieldRange("max_tokens", 1, 8192), FieldRange("max_tokens", 1, 4096)
    profile = amended(PROFILE, [Amendment("field_ranges", wide), Amendment("field_ranges", narrow)])

    assert profile.field_ranges == (narrow,)


def test_the_ends_of_a_range_may_be_learned_one_after_the_other() -> None:
    ends = [FieldRange("max_tokens", 16), FieldRange("max_tokens", None, 8192)]
    profile = amended(PROFILE, [Amendment("field_ranges", end) for end in ends])

    assert profile.field_ranges == (FieldRange("max_tokens", 16, 8192),)


@pytest.mark.parametrize(
    "amendment",
    [
        Amendment("of_a_later_release", True),
        Amendment("prefill", "as a song"),
        Amendment("streams", "perhaps"),
        Amendment("field_ranges", "max_tokens"),
    ],
    ids=lambda amendment: amendment.change,
)
def test_an_amendment_of_another_release_changes_nothing(amendment: Amendment) -> None:
    assert amended(PROFILE, [amendment]) == PROFILE


@given(st.lists(AMENDMENTS))
def test_amendments_are_idempotent_and_leave_the_rest_of_the_profile(amendments: list[Amendment]) -> None:
    once = amended(PROFILE, amendments)
    changed = {amendment.quirk for amendment in amendments}

    assert amended(once, amendments) == amended(once, [*amendments, *amendments])
    for field in set(BackendProfile.__struct_fields__) - changed:
        assert getattr(once, field) == getattr(PROFILE, field)


@pytest.mark.parametrize(
    ("amendment", "words"),
    [
        (Amendment("omitted_fields", "stop"), "omitted_fields: stop"),
        (Amendment("field_ranges", FieldRange("max_tokens", 1, 8192)), "field_ranges: max_tokens from 1 to 8192"),
        (Amendment("field_ranges", FieldRange("stop", None, 4)), "field_ranges: stop to 4"),
        (
            Amendment("field_ranges", FieldRange("reasoning_effort", values=("low", "high"))),
            "field_ranges: reasoning_effort low or high",
        ),
    ],
)
def test_a_change_is_described_in_words(amendment: Amendment, words: str) -> None:
    assert amendment.change == words
