"""Classification by the texts of two prompts and by the engine's own counts."""

import pytest

from anyclaude.cache_report.classification import (
    SLACK_TOKENS,
    Comparison,
    Earlier,
    cause_of,
    excerpt_of,
    hints_of,
    location_of,
)
from anyclaude.cache_report.findings import Cause, Hint
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.prompt import Difference, Prompt, PromptPart, Section, first_difference

HERE = "llamacpp/m"


def prompt(system: str, *messages: str, tool: str = "Read") -> Prompt:
    tools = PromptPart("tools", tool, tool)
    return Prompt(
        "m", (tools, PromptPart("system", "", system), *(PromptPart("messages", "user", text) for text in messages))
    )


def compared(
    before: Prompt, now: Prompt, counted: int | None = 10_000, same: bool = True, route: str = HERE
) -> Comparison:
    return Comparison(Earlier(before, route, counted, same), now, HERE, first_difference(before, now))


BEFORE = prompt("s", "hi")
LATER = prompt("s", "hi", "there")


@pytest.mark.parametrize(
    ("comparison", "cached", "cause"),
    [
        (compared(BEFORE, LATER), 10_000, "nothing_lost"),
        (compared(BEFORE, LATER), 10_000 - SLACK_TOKENS, "nothing_lost"),
        (compared(BEFORE, LATER), 10_000 - SLACK_TOKENS - 1, "engine_lost_it"),
        (compared(BEFORE, LATER), 0, "engine_lost_it"),
        (compared(BEFORE, LATER), None, "not_reported"),
        (compared(BEFORE, prompt("S", "hi")), 5, "system_changed"),
        (compared(BEFORE, prompt("S", "hi")), None, "system_changed"),
        (compared(BEFORE, prompt("s", "hi", tool="Bash")), 5, "tools_changed"),
        (compared(BEFORE, prompt("s", "ho")), 5, "messages_changed"),
        (compared(BEFORE, prompt("s", "ho")), 10_000, "nothing_lost"),
        (compared(BEFORE, LATER, route="llamacpp/other"), 10_000, "model_changed"),
        (compared(BEFORE, prompt("s", "ho"), same=False), 10, "first_turn"),
        (compared(BEFORE, LATER, same=False), 10_000, "first_turn"),
        (compared(BEFORE, LATER, same=False), 0, "engine_lost_it"),
    ],
)
def test_the_cause_follows_from_the_difference_and_the_cached_tokens(
    comparison: Comparison, cached: int | None, cause: Cause
) -> None:
    assert cause_of(comparison, UsageReported(12_000, 1, cached)) == cause


def test_a_small_prompt_is_lost_when_more_than_half_of_it_is_missing() -> None:
    comparison = compared(BEFORE, LATER, counted=40)

    assert cause_of(comparison, UsageReported(60, 1, 20)) == "nothing_lost"
    assert cause_of(comparison, UsageReported(60, 1, 19)) == "engine_lost_it"


def test_a_prompt_without_a_token_count_is_estimated_by_its_length() -> None:
    comparison = compared(prompt("s" * 500, "hi"), prompt("s" * 500, "hi", "x" * 500), counted=None)

    assert cause_of(comparison, UsageReported(10_000, 1, 5_000)) == "nothing_lost"
    assert cause_of(comparison, UsageReported(10_000, 1, 100)) == "engine_lost_it"


def test_a_common_prefix_of_two_conversations_counts_as_lost_only_by_the_tokenizer() -> None:
    other = Comparison(Earlier(BEFORE, HERE, 10_000, False), prompt("s", "ho"), HERE, None)
    difference = first_difference(BEFORE, prompt("s", "ho"))

    for tokens, cause in ((None, "first_turn"), (10, "first_turn"), (5_000, "engine_lost_it")):
        comparison = Comparison(other.earlier, other.now, HERE, difference, tokens)
        assert cause_of(comparison, UsageReported(12_000, 1, 10)) == cause


def difference(was: str, now: str, section: Section = "system") -> Difference:
    found = first_difference(
        Prompt("m", (PromptPart(section, "", was), PromptPart("messages", "user", "x"))),
        Prompt("m", (PromptPart(section, "", now),)),
    )
    assert found is not None
    return found


def test_an_excerpt_is_short_and_shows_both_texts() -> None:
    excerpt = excerpt_of(difference("a" * 1_000 + "before" + "b" * 1_000, "a" * 1_000 + "now" + "c" * 1_000))

    assert excerpt.was == "a" * 60 + "before" + "b" * 134
    assert excerpt.now == "a" * 60 + "now" + "c" * 137


def test_a_location_holds_no_text_of_the_prompt() -> None:
    location = location_of(difference("Private words.", "Private thoughts."), prompt("Private thoughts."))

    assert (location.section, location.characters) == ("system", len("Private "))
    assert "Private" not in str(location)


@pytest.mark.parametrize(
    ("was", "now", "hints"),
    [
        ("Today's date is 2026-11-24.", "Today's date is 2026-11-25.", ("date_or_time",)),
        ("It is 10:31:05 now", "It is 10:31:06 now", ("date_or_time",)),
        ("On Monday, we", "On Tuesday, we", ("date_or_time",)),
        ("November 24, 2026", "November 25, 2026", ("date_or_time",)),
        ("born 2020-01-01. Be kind.", "born 2020-01-01. Be firm.", ()),
        ("x-anthropic-billing-header: a", "x-anthropic-billing-header: b", ("attribution",)),
        ("gitStatus: M a.txt", "gitStatus: M b.txt", ("git_status",)),
        ("<total_tokens>9 left", "<total_tokens>8 left", ("token_countdown",)),
        ("Hello", "This session is being continued from a previous conversation that", ("compaction",)),
    ],
)
def test_text_that_often_changes_is_recognised(was: str, now: str, hints: tuple[Hint, ...]) -> None:
    assert hints_of(difference(was, now)) == hints
