"""The diet for a window and the user's choice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.diet import DEFAULT_DIET, Diet
from anyclaude.launcher.client.diets import (
    BARE,
    CLIENT_DIETS,
    LEAN,
    MINIMAL,
    ClientDiet,
    DietChoice,
    FirstPrompts,
    diet_for,
    fits,
    has_chosen_tools,
    with_web_search,
)
from anyclaude.launcher.client.window import reply_cap, room_tokens

WINDOWS = st.integers(min_value=1_024, max_value=2_000_000)


def room(window: int) -> int:
    return room_tokens(window, reply_cap(window, None))


def diet_at(window: int, *, is_native: bool = True) -> ClientDiet:
    return diet_for(room(window), None, is_native=is_native).diet


@given(WINDOWS)
def test_the_prompt_leaves_room_to_work_unless_it_is_the_smallest(window: int) -> None:
    diet = diet_at(window)

    assert diet == CLIENT_DIETS[-1] or fits(diet, room(window), is_native=True)


@given(WINDOWS, WINDOWS)
def test_a_larger_window_never_gets_a_smaller_diet(one: int, other: int) -> None:
    small, large = sorted((one, other))

    assert CLIENT_DIETS.index(diet_at(large)) <= CLIENT_DIETS.index(diet_at(small))


@given(WINDOWS)
def test_no_window_gets_more_than_the_default_automatically(window: int) -> None:
    names = [diet.name for diet in CLIENT_DIETS]

    assert names.index(diet_at(window).name) >= names.index(DEFAULT_DIET)


@pytest.mark.parametrize("chosen", ["full", "lean", "minimal"])
@given(window=WINDOWS)
def test_the_users_choice_wins_in_every_window(chosen: Diet, window: int) -> None:
    assert diet_for(room(window), chosen, is_native=True).diet.name == chosen


@pytest.mark.parametrize(("window", "name"), [(8_192, "bare"), (16_384, "minimal"), (32_768, "lean"), (65_536, "lean")])
def test_common_windows(window: int, name: str) -> None:
    assert diet_at(window).name == name


def test_a_release_in_javascript_needs_a_larger_window_for_the_same_diet() -> None:
    assert diet_at(32_768, is_native=False).name == "minimal"
    assert diet_at(65_536, is_native=False).name == "lean"


def test_each_diet_is_smaller_than_the_previous_one_and_states_its_loss() -> None:
    sizes = [diet.prompt_tokens for diet in CLIENT_DIETS]

    assert sizes == sorted(sizes, reverse=True)
    assert [bool(diet.loss) for diet in CLIENT_DIETS] == [False, True, True, True]


def test_an_argument_never_absorbs_a_word_of_the_users() -> None:
    """`--tools` and `--disallowedTools` take all words up to the next flag, unless the value is joined to them."""
    assert all("=" in argument for diet in CLIENT_DIETS for argument in diet.arguments if argument != "--bare")


def test_with_a_provider_the_search_of_the_client_stays() -> None:
    searching = with_web_search(LEAN)

    assert {*LEAN.arguments[0].split(",")} - {*searching.arguments[0].split(",")} == {"WebSearch"}
    assert "web search" in LEAN.loss
    assert "web search" not in searching.loss
    assert with_web_search(MINIMAL) == MINIMAL


def test_every_variable_has_a_reason() -> None:
    assert all(variable.value and variable.reason for variable in MINIMAL.variables)


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (("--tools", "Bash"), {}, True),
        (("--tools=Bash",), {}, True),
        (("--bare",), {}, True),
        (("--system-prompt", "x"), {}, True),
        ((), {"CLAUDE_CODE_SIMPLE": "1"}, True),
        (("-p", "--append-system-prompt", "x"), {"CLAUDE_CODE_SIMPLE": ""}, False),
        (("-p", "--", "--bare"), {}, False),
    ],
)
def test_the_users_choice_is_detected(arguments: tuple[str, ...], environment: dict[str, str], expected: bool) -> None:
    assert has_chosen_tools(arguments, environment) is expected


def test_a_window_for_the_smallest_diet_gets_it_on_any_machine() -> None:
    slow = FirstPrompts(seconds={diet.name: 600.0 for diet in CLIENT_DIETS})

    assert diet_for(room(8_192), None, is_native=True, known=slow) == DietChoice(BARE)


@given(WINDOWS, st.dictionaries(st.sampled_from([diet.name for diet in CLIENT_DIETS]), st.floats(0, 1_000)))
def test_a_speed_never_leads_to_a_larger_diet_nor_below_minimal(window: int, seconds: dict[str, float]) -> None:
    by_window = diet_at(window)
    chosen = diet_for(room(window), None, is_native=True, known=FirstPrompts(seconds=seconds))

    assert CLIENT_DIETS.index(by_window) <= CLIENT_DIETS.index(chosen.diet)
    assert chosen.diet == by_window or chosen.diet != BARE
    assert bool(chosen.reason) == (chosen.diet != by_window)
