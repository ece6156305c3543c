"""The first difference of two prompts."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anyclaude.protocol.prompt import Change, Prompt, PromptPart, Section, characters_in_common, first_difference

texts = st.text(alphabet="ab😀", max_size=8)
messages = st.builds(PromptPart, st.just("messages"), st.sampled_from(["user", "assistant", "tool"]), texts)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    system = [PromptPart("system", "", text) for text in draw(st.lists(texts, max_size=1))]
    names = draw(st.lists(st.sampled_from("RWBGE"), unique=True, max_size=4))
    tools = [PromptPart("tools", name, draw(texts)) for name in names]
    turns = draw(st.lists(messages, min_size=1, max_size=6))
    return Prompt("m", (*tools, *system, *turns))


def spelled(prompt: Prompt) -> list[tuple[str, str, str]]:
    """Return a prompt character by character, each with the part it belongs to."""
    return [
        (part.section, part.name, character)
        for part in prompt.parts
        for character in (f"<{part.section}:{part.name}>", *part.text)
    ]


@given(prompts())
def test_a_prompt_does_not_differ_from_itself(prompt: Prompt) -> None:
    assert first_difference(prompt, prompt) is None


@given(prompts(), st.lists(messages, max_size=3), texts)
def test_a_prompt_that_extends_another_does_not_differ_from_it(
    prompt: Prompt, later: list[PromptPart], more: str
) -> None:
    last = prompt.parts[-1]
    grown = PromptPart(last.section, last.name, last.text + more)
    now = Prompt("m", (*prompt.parts[:-1], grown, *later))

    assert first_difference(prompt, now) is None


@given(prompts(), st.data())
def test_a_change_at_any_place_is_found_there(prompt: Prompt, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(prompt.parts) - 1))
    part = prompt.parts[at]
    offset = data.draw(st.integers(0, len(part.text)))
    changed = PromptPart(part.section, part.name, f"{part.text[:offset]}!{part.text[offset:]}")
    now = Prompt("m", (*prompt.parts[:at], changed, *prompt.parts[at + 1 :]))
    difference = first_difference(prompt, now)

    assume(at < len(prompt.parts) - 1 or offset < len(part.text))
    assert difference is not None
    assert (difference.section, difference.name, difference.change) == (part.section, part.name, "changed")
    assert difference.number == sum(other.section == part.section for other in prompt.parts[: at + 1])
    assert (difference.offset, difference.was, difference.now) == (offset, part.text, changed.text)
    assert difference.characters == sum(len(other.text) for other in prompt.parts[:at]) + offset


@given(prompts(), prompts())
def test_everything_before_the_difference_is_equal_and_no_earlier_difference_exists(one: Prompt, two: Prompt) -> None:
    pairs = enumerate(zip(spelled(one), spelled(two), strict=False))
    shorter = min(len(spelled(one)), len(spelled(two)))
    truly_at = next((at for at, (was, became) in pairs if was != became), shorter)
    common = sum(len(character) == 1 for _, _, character in spelled(one)[:truly_at])
    difference = first_difference(one, two)

    if difference is None:
        assert spelled(two)[: len(spelled(one))] == spelled(one)
    else:
        assert difference.characters == common
        assert difference.was[: difference.offset] == difference.now[: difference.offset]


@given(prompts(), prompts())
def test_the_common_prefix_is_the_same_in_both_directions(one: Prompt, two: Prompt) -> None:
    def shared(before: Prompt, now: Prompt) -> int:
        difference = first_difference(before, now)
        return before.characters if difference is None else difference.characters

    assert shared(one, two) == shared(two, one)


def prompt_of(tools: str, system: str = "s", *turns: str) -> Prompt:
    """Return a prompt with one-letter tools and messages of the user."""
    parts = [PromptPart("tools", name, name) for name in tools]
    parts += [PromptPart("system", "", system)] if system else []
    return Prompt("m", (*parts, *(PromptPart("messages", "user", text) for text in turns or ("hi",))))


@pytest.mark.parametrize(
    ("before", "now", "section", "number", "name", "change"),
    [
        (prompt_of("BR"), prompt_of("BGR"), "tools", 2, "G", "added"),
        (prompt_of("BR"), prompt_of("BRW"), "tools", 3, "W", "added"),
        (prompt_of("BGR"), prompt_of("BR"), "tools", 2, "G", "removed"),
        (prompt_of("BR"), prompt_of("B"), "tools", 2, "R", "removed"),
        (prompt_of("BR"), prompt_of("RB"), "tools", 1, "R", "moved"),
        (prompt_of("B", ""), prompt_of("B", "s"), "system", 1, "", "added"),
        (prompt_of("B", "s"), prompt_of("B", ""), "system", 1, "", "removed"),
        (prompt_of("", "s", "a", "b"), prompt_of("", "s", "a"), "messages", 2, "user", "removed"),
        (prompt_of("", "s", "a", "b"), prompt_of("", "s", "a", "c"), "messages", 2, "user", "changed"),
    ],
)
def test_a_difference_is_located_as_a_user_would_describe_it(
    before: Prompt, now: Prompt, section: Section, number: int, name: str, change: Change
) -> None:
    difference = first_difference(before, now)

    assert difference is not None
    assert (difference.section, difference.number, difference.name) == (section, number, name)
    assert difference.change == change


@given(texts, texts)
def test_the_common_prefix_of_two_texts_is_as_long_as_possible(one: str, other: str) -> None:
    common = characters_in_common(one, other)

    assert one[:common] == other[:common]
    assert common == min(len(one), len(other)) or one[common] != other[common]
