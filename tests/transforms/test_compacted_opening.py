"""A conversation that goes on from a summary begins as it did before it was compacted."""

from collections.abc import Sequence
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.claude_code import SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import CompactedOpening, InstructionsFirst, PromptContext
from anyclaude.transforms.compacted_opening import in_order

ENVIRONMENT = "# Environment\n - Platform: linux\n\nYou are powered by the model m."
AGENTS = "Available agent types for the Agent tool:\n- Plan: Plans.\n\nSend several in one message."
SKILLS = "The following skills are available for use with the Skill tool:\n\n- deploy: Ships it."
DATE = "Today's date is 2026-11-28."
AT_FIRST = "\n\n".join((ENVIRONMENT, AGENTS, SKILLS, DATE))
"""The first `system` message of a conversation (2.1.332)."""

MEMORY = TextBlock(
    "<system-reminder>\nCodebase and user instructions are shown below. Be sure to adhere to these instructions.\n"
    "</system-reminder>\n"
)
GIT = TextBlock("<system-reminder>\ngitStatus: clean\n</system-reminder>\n")
SUMMARY = TextBlock(f"{SUMMARY_START} that ran out of context.")
WORDS = TextBlock("Make it faster.")
FILE = TextBlock("<system-reminder>\nResult of calling the Read tool:\n1\tx\n</system-reminder>\n")
COMMAND = TextBlock("<command-name>/compact</command-name>\n")
CALL = Turn("assistant", "I read on.")
RESULT = ToolResultBlock("t1", "text")

BEFORE = (Turn("user", (MEMORY, GIT, WORDS)), Turn("system", AT_FIRST), CALL)

BY_ITSELF = (
    Turn("user", (MEMORY, GIT, SUMMARY)),
    Turn("system", DATE),
    CALL,
    Turn("user", (RESULT, FILE)),
    Turn("system", "\n\n".join((AGENTS, SKILLS, ENVIRONMENT))),
)
BY_COMMAND = (
    Turn("user", SUMMARY.text),
    CALL,
    Turn("user", (FILE, MEMORY, GIT, COMMAND, WORDS)),
    Turn("system", "\n\n".join((AGENTS, SKILLS, ENVIRONMENT, DATE))),
)
"""The first request after a compaction that the client has begun, and after one that the user has asked for."""


def request(*turns: Turn) -> MessagesRequest:
    return MessagesRequest(model="m", max_tokens=1, messages=turns)


def prepared(*turns: Turn) -> tuple[Turn, ...]:
    """Return the turns as the transforms that order them leave them."""
    ordered = CompactedOpening()(request(*turns), PromptContext())
    return InstructionsFirst()(ordered, PromptContext()).messages


def parts(*turns: Turn) -> list[tuple[str, ContentBlock]]:
    """Return what the model reads: every block with its role."""
    return [(turn.role, block) for turn in prepared(*turns) for block in blocks_of(turn.content)]


def test_it_begins_as_before_up_to_the_users_words() -> None:
    before = parts(*BEFORE)

    assert before[:4] == [("system", TextBlock(AT_FIRST)), ("user", MEMORY), ("user", GIT), ("user", WORDS)]
    for after in (BY_ITSELF, BY_COMMAND):
        pairs = zip(before, parts(*after), strict=False)
        assert [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)] == before[:3]


def test_the_summary_and_what_came_with_it_follow_in_their_order() -> None:
    assert parts(*BY_ITSELF)[3:] == [
        ("user", SUMMARY),
        ("assistant", TextBlock("I read on.")),
        ("user", RESULT),
        ("user", FILE),
    ]
    assert parts(*BY_COMMAND)[3:] == [
        ("user", SUMMARY),
        ("assistant", TextBlock("I read on.")),
        ("user", FILE),
        ("user", COMMAND),
        ("user", WORDS),
    ]


def test_sections_that_a_release_adds_go_with_the_one_before_them() -> None:
    added = "# New section\n\nof a release"

    assert in_order(f"{AGENTS}\n\n{added}\n\n{ENVIRONMENT}") == f"{ENVIRONMENT}\n\n{AGENTS}\n\n{added}"


def test_a_conversation_without_a_summary_or_without_the_environment_stays() -> None:
    without = (BY_COMMAND[0], CALL, Turn("user", (MEMORY, WORDS)), Turn("system", DATE))
    for turns in (BEFORE, without, (Turn("user", "x"), CALL, Turn("user", SUMMARY.text)), ()):
        before = request(*turns)

        assert CompactedOpening()(before, PromptContext()) is before


def test_a_message_of_reminders_alone_stays_where_it_is() -> None:
    turns = (BY_COMMAND[0], Turn("user", (MEMORY,)), BY_COMMAND[3])

    assert [role for role, _ in parts(*turns)] == ["system", "user", "user"]


KINDS: tuple[ContentBlock, ...] = (MEMORY, GIT, SUMMARY, WORDS, FILE, COMMAND, RESULT)
BLOCKS = st.lists(st.sampled_from(KINDS), min_size=1).map(tuple)
TURNS = st.lists(
    st.one_of(
        st.text(max_size=5).map(lambda text: Turn("assistant", text)),
        st.sampled_from([DATE, AGENTS, AT_FIRST, ENVIRONMENT, "Be brief."]).map(lambda text: Turn("system", text)),
        BLOCKS.map(lambda blocks: Turn("user", blocks)),
    ),
    max_size=6,
)


@given(st.sampled_from([BY_ITSELF, BY_COMMAND]), TURNS, TURNS)
def test_the_first_request_after_the_compaction_is_a_prefix_of_the_later_ones(
    first: tuple[Turn, ...], later: list[Turn], latest: list[Turn]
) -> None:
    size = len(prepared(*first))

    assert prepared(*first, CALL, *later)[:size] == prepared(*first)
    assert prepared(*first, CALL, *later, *latest)[: size + 1 + len(later)] == prepared(*first, CALL, *later)


@given(st.sampled_from([(), BY_ITSELF, BY_COMMAND, BY_COMMAND[:2]]), TURNS)
def test_it_is_idempotent_and_neither_adds_nor_loses_a_text(first: tuple[Turn, ...], later: list[Turn]) -> None:
    turns = (*first, *later)
    once = CompactedOpening()(request(*turns), PromptContext())

    assert CompactedOpening()(once, PromptContext()) == once
    assert pieces(once.messages) == pieces(turns)


def pieces(turns: Sequence[Turn]) -> list[str]:
    """Return the paragraphs of all texts, sorted."""
    blocks = (block for turn in turns for block in blocks_of(turn.content))
    texts = [block.text if isinstance(block, TextBlock) else repr(block) for block in blocks]
    return sorted(paragraph for text in texts for paragraph in text.split("\n\n"))


@given(st.lists(st.sampled_from([AGENTS, SKILLS, ENVIRONMENT, DATE, "Other.", "a\n", "\n\n", ""]), max_size=6))
def test_ordering_sections_loses_nothing_and_is_done_once(sections: list[str]) -> None:
    text = "\n\n".join(sections)
    once = in_order(text)

    assert sorted(once) == sorted(text)
    assert in_order(once) == once
