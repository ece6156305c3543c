"""Variables that look like settings and are none."""

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.profiles import PROFILES
from anyclaude.settings import SETTINGS, Fallback, Settings, unknown_variables, variable_named

KNOWN = [variable_named(name) for row in SETTINGS for name in (row.name, *row.old_names)]


def test_no_variable_that_sets_something_is_warned_of() -> None:
    keys = [profile.api_key_variable for profile in PROFILES if profile.api_key_variable]

    assert list(unknown_variables(dict.fromkeys((*KNOWN, *keys, "HOME", "ANYCLAUDES"), "x"), Settings())) == []


def test_a_misspelt_variable_is_named_with_the_one_that_is_meant() -> None:
    environment = {"ANYCLAUDE_MDOE": "x", "ANYCLAUDE_BACKENDURL": "x", "ANYCLAUDE_NEVER": "x", "ANYCLAUDE_EMPTY": ""}

    assert list(unknown_variables(environment, Settings())) == [
        "there is no setting ANYCLAUDE_BACKENDURL; did you mean ANYCLAUDE_BACKEND_URL?",
        "there is no setting ANYCLAUDE_MDOE; did you mean ANYCLAUDE_MODE?",
        "there is no setting ANYCLAUDE_NEVER; it is ignored",
    ]


@given(st.sampled_from(KNOWN), st.integers(0, 30))
def test_a_variable_without_one_of_its_letters_is_recognised(name: str, place: int) -> None:
    place = len("ANYCLAUDE_") + place % (len(name) - len("ANYCLAUDE_"))
    misspelt = name[:place] + name[place + 1 :]
    if misspelt in KNOWN:
        return

    assert [
        line.startswith(f"there is no setting {misspelt}; ") for line in unknown_variables({misspelt: "x"}, Settings())
    ] == [True]


def test_the_variable_of_a_fallbacks_key_is_known() -> None:
    settings = Settings(fallbacks=(Fallback("vllm", api_key_variable="ANYCLAUDE_SECOND"),))

    assert list(unknown_variables({"ANYCLAUDE_SECOND": "x"}, settings)) == []
