"""The client's own boilerplate is removed from the system prompt, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import Diet, PromptContext, ShorterSystemPrompt
from anyclaude.transforms.boilerplate import PASSAGES, REMINDERS, SECTIONS
from anyclaude.transforms.system_sections import is_well_formed, shorter, shorter_reminder
from anyclaude.transforms.text_units import Unit, units_of

IDENTITY = "\nYou are an agent.\n\nIMPORTANT: Refuse to do harm.\n\n"
TASKS = (
    "# Doing tasks\n"
    " - The user will primarily request you to perform software engineering tasks. And so on.\n"
    " - Write no comments.\n"
    " - Be careful not to introduce security vulnerabilities such as injection.\n\n"
)
STYLE = "# Tone and style\n - Only use emojis if the user explicitly requests it. Never else.\n - Be short.\n\n"
MEMORY = (
    "# auto memory\n\nYou have a persistent, file-based memory system at `/x`.\n\n"
    "## Types of memory\n\nThere are several.\n\n```\n# no heading\n```\n\n## How to save memories\n\n - In a file.\n\n"
)
ENVIRONMENT = (
    "# Environment\n - Working directory: /x\n  - Is a git repository: true\n"
    " - Fast mode for Claude Code uses something else.\n\n"
)
GIT = "gitStatus: clean\n\nCurrent branch: main\n"
OWN = "# My rules\n\nUse tabs.\n\n  And `x`.\n\n"
OWN_INSIDE = "### My notes\n - Mine.\n\n"
WHOLE = IDENTITY + TASKS + STYLE + MEMORY + ENVIRONMENT + GIT

REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))
PIECES = st.sampled_from(
    [TASKS, STYLE, MEMORY, ENVIRONMENT, GIT, IDENTITY]
    + ["# Mine\n", "## Mine too\n", "- mine\n", "mine\n", "\n", "```\n", "  - mine\n"]
    + [f" - {passage.opening} {passage.until or ''} More.\n" for passage in PASSAGES]
    + [f"{passage.opening} {passage.until or ''} More.\n\n" for passage in PASSAGES]
    + [f"# {section.title}\n" for section in SECTIONS]
    + [f"{section.opening} More.\n" for section in SECTIONS]
)
REMINDER_PIECES = st.sampled_from(
    ["mine\n", "- mine\n", "\n", "# Mine\n", "```\n"]
    + [f"- {passage.opening} {passage.until} More.\n" for passage in REMINDERS]
)
PROMPTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map("".join))
DIETS = st.sampled_from(["full", "lean", "minimal"])


def test_minimal_keeps_safety_environment_and_state_to_the_byte() -> None:
    assert shorter(WHOLE, "minimal") == (
        IDENTITY
        + "# Doing tasks\n - Be careful not to introduce security vulnerabilities such as injection.\n\n"
        + "# Environment\n - Working directory: /x\n  - Is a git repository: true\n\n"
        + GIT
    )


def test_lean_removes_only_passages_about_anthropics_products() -> None:
    assert shorter(WHOLE, "lean") == WHOLE.replace(" - Fast mode for Claude Code uses something else.\n", "")


def test_lean_removes_the_passages_on_pronouns_and_on_the_compaction_of_old_turns() -> None:
    text = (
        "# Care\n\nWhen you use a pronoun for someone, use they.\n\nReport truly.\n\n"
        "# Context\nWhen the conversation grows long, some or all of the current context is summarized.\n\nAct.\n"
    )

    assert shorter(text, "lean") == "# Care\n\nReport truly.\n\n# Context\n\nAct.\n"


def test_full_changes_nothing() -> None:
    request = replace(REQUEST, system=WHOLE)

    assert ShorterSystemPrompt()(request, PromptContext(diet="full")) is request


@pytest.mark.parametrize(
    "mine",
    [
        "# Tone and style\n - Write in verse.\n\n",
        "# My rules\n\nUse tabs.\n\n",
        "# auto memory\n\nI remember it myself.\n\n",
    ],
)
def test_a_section_of_the_user_stays_whatever_its_title(mine: str) -> None:
    assert mine in shorter(IDENTITY + STYLE + mine + ENVIRONMENT, "minimal")


def test_a_section_of_the_user_inside_one_of_the_client_stays() -> None:
    mine = "## What I told you\n\nUse tabs.\n\n"

    assert mine in shorter(IDENTITY + MEMORY + mine + ENVIRONMENT, "minimal")


def test_text_that_a_user_appends_to_the_last_section_stays() -> None:
    mine = "My own words.\n\n - and a list\n"

    assert shorter(IDENTITY + STYLE + mine, "minimal").endswith(mine)


def test_a_long_rule_keeps_its_beginning() -> None:
    text = (
        "# Care\n\nCarefully consider the reversibility and blast radius of actions. If risky, "
        "check with the user before proceeding. The cost is low.\n\nAlways.\n"
    )

    assert shorter(text, "minimal") == text.replace(" The cost is low.", "")


def test_a_prompt_without_headings_is_not_changed() -> None:
    text = "Write a title.\n\nWhen you use a pronoun for someone, be careful.\n"

    assert shorter(text, "minimal") == text


def test_a_prompt_that_is_only_boilerplate_is_not_emptied() -> None:
    text = "# Environment\n - Fast mode for Claude Code is fast.\n"

    assert shorter(text, "minimal") == text


def test_a_removal_that_would_leave_a_code_block_open_is_left_to_the_milder_diet() -> None:
    text = (
        "# A\nFast mode for Claude Code is fast.\n\nCarefully consider the reversibility and blast radius of actions.\n"
        "```\ncheck with the user before proceeding.\nmore\n```\n\n# B\nMine.\n"
    )

    assert shorter(text, "minimal") == text.replace("Fast mode for Claude Code is fast.\n", "")


def test_units_that_would_merge_are_not_well_formed() -> None:
    assert is_well_formed(units_of("words\n\nmore\n"))
    assert not is_well_formed((Unit("paragraph", "words\n"), Unit("paragraph", "more\n")))
    assert not is_well_formed((Unit("paragraph", "\n"),))


AGENTS = (
    "Available agent types for the Agent tool:\n"
    "- claude: Catch-all for any task that doesn't fit a more specific agent. FleetView's default. (Tools: *)\n"
    "- reviewer: Catch-all for reviews. It is mine. (Tools: Read)\n"
    "- Explore: Read-only search agent for broad fan-out searches, not the file dumps. Say how. (Tools:\n  Read)\n"
    "\nWhen you launch multiple agents, send them in a single message.\n"
)


@pytest.mark.parametrize("diet", ["lean", "minimal"])
def test_the_clients_agents_are_described_in_one_sentence_each_and_the_users_in_full(diet: Diet) -> None:
    assert shorter_reminder(AGENTS, diet) == (
        "Available agent types for the Agent tool:\n"
        "- claude: Catch-all for any task that doesn't fit a more specific agent.\n"
        "- reviewer: Catch-all for reviews. It is mine. (Tools: Read)\n"
        "- Explore: Read-only search agent for broad fan-out searches, not the file dumps.\n"
        "\nWhen you launch multiple agents, send them in a single message.\n"
    )


def test_the_users_messages_are_never_shortened_and_every_system_message_is() -> None:
    block = TextBlock(AGENTS, {"cache_control": {"type": "ephemeral"}})
    turns = (Turn("user", AGENTS), Turn("system", (block,)), Turn("assistant", AGENTS), Turn("system", AGENTS))
    changed = ShorterSystemPrompt()(replace(REQUEST, messages=turns), PromptContext(diet="lean"))

    short = shorter_reminder(AGENTS, "lean")
    assert changed.messages == (
        turns[0],
        Turn("system", (replace(block, text=short),)),
        turns[2],
        Turn("system", short),
    )
    assert ShorterSystemPrompt()(changed, PromptContext(diet="lean")) is changed


@given(st.lists(REMINDER_PIECES, max_size=8).map("".join), DIETS)
def test_a_shortened_reminder_is_never_shortened_again(text: str, diet: Diet) -> None:
    once = shorter_reminder(text, diet)

    assert shorter_reminder(once, diet) == once
    assert len(once) <= len(text)


@given(PROMPTS, DIETS)
def test_it_is_idempotent_and_never_empties_a_prompt(text: str, diet: Diet) -> None:
    once = shorter(text, diet)

    assert shorter(once, diet) == once
    assert once.strip() or not text.strip()


@given(st.lists(st.sampled_from([TASKS, STYLE, MEMORY, ENVIRONMENT, IDENTITY, OWN, OWN_INSIDE]), max_size=8), DIETS)
def test_sections_of_the_user_stay_at_any_position(pieces: list[str], diet: Diet) -> None:
    left = shorter("".join(pieces), diet)

    assert left.count(OWN) == pieces.count(OWN)
    assert left.count(OWN_INSIDE) == pieces.count(OWN_INSIDE)


@given(PROMPTS)
def test_a_stricter_diet_never_leaves_more(text: str) -> None:
    assert len(shorter(text, "minimal")) <= len(shorter(text, "lean")) <= len(text)


def test_blocks_stay_blocks_and_keep_their_fields() -> None:
    blocks = (TextBlock("You are…"), TextBlock(WHOLE, {"cache_control": {"type": "ephemeral"}}))
    changed = ShorterSystemPrompt()(replace(REQUEST, system=blocks), PromptContext(diet="minimal"))

    assert changed.system == (blocks[0], replace(blocks[1], text=shorter(WHOLE, "minimal")))
