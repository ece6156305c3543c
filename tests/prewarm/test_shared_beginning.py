"""How much of a recorded prompt is used for another launch, and that nothing of its project is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.prewarm.launches import LaunchKey, LaunchTraits
from anyclaude.prewarm.shared_beginning import INTERACTIVE_IDENTITY, PRINT_IDENTITY, shared_beginning
from anyclaude.protocol.content import TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn, encode_request

TRAITS = LaunchTraits(client="c", diet="lean", flags="f", is_print=False, model="m")
GARDEN = LaunchKey("/home/someone/garden", "one", TRAITS)
IN_KITCHEN = replace(GARDEN, folder="/srv/kitchen")
WITH_PRINT = replace(GARDEN, traits=replace(TRAITS, is_print=True))
UNDER_FULL = replace(GARDEN, traits=replace(TRAITS, diet="full"))
UNDER_MINIMAL = replace(GARDEN, traits=replace(TRAITS, diet="minimal"))
CLIENT_OWN = "You help.\n\n# Harness\n - Be exact.\n\n# Guidance\n - Suggest commands.\n"
TOOLS = tuple(
    Tool(name, "Runs in the background." if name in {"Agent", "Bash"} else f"Does {name}.")
    for name in ("Agent", "AskUserQuestion", "Bash", "CronList", "Edit", "Read", "Skill", "WebFetch")
)


def request(system: str = CLIENT_OWN, tools: tuple[Tool, ...] = TOOLS) -> MessagesRequest:
    """A first prompt of an interactive session in the garden, whose messages hold its secret."""
    return MessagesRequest(
        model="m",
        max_tokens=1,
        messages=(Turn("user", "<system-reminder>secret</system-reminder>"), Turn("system", "secret")),
        system=(TextBlock(INTERACTIVE_IDENTITY), TextBlock(system)),
        tools=tools,
    )


def beginning(recorded: MessagesRequest, wanted: LaunchKey) -> MessagesRequest:
    shared = shared_beginning(recorded, GARDEN, wanted)
    assert shared is not None
    return shared


def tool_names(request: MessagesRequest) -> list[str]:
    return [tool.name for tool in request.tools]


def system_text(request: MessagesRequest) -> str:
    return "\n".join(block.text for block in blocks_of(request.system) if isinstance(block, TextBlock))


def test_another_project_shares_the_tools_and_the_system_prompt_and_no_message() -> None:
    shared = beginning(request(), IN_KITCHEN)

    assert sorted(tool_names(shared)) == tool_names(request())
    assert system_text(shared) == system_text(request())
    assert shared.messages == (Turn("user", (TextBlock("."),)),)


@pytest.mark.parametrize(
    "line",
    [
        "The project is in /home/someone/garden.",
        "Working directory: /private/home/someone/garden",
        " - Primary working directory: somewhere",
        "gitStatus: On branch roses",
        "# Output Style: Gardener",
        "## MEMORY.md",
        "Notes are in ~/.claude/projects/-private-garden/memory.",
    ],
)
def test_the_system_prompt_ends_before_the_first_line_about_the_recorded_project(line: str) -> None:
    shared = beginning(request(f"You help.\n{line}\nsecret\n"), IN_KITCHEN)

    assert system_text(shared) == f"{INTERACTIVE_IDENTITY}\nYou help.\n"


def test_the_place_of_the_clients_notes_is_that_of_the_other_project() -> None:
    notes = "Notes are in ~/.claude/projects/{}/memory.\nBe exact.\n"
    shared = beginning(request(notes.format("-home-someone-garden")), IN_KITCHEN)

    assert system_text(shared) == f"{INTERACTIVE_IDENTITY}\n{notes.format('-srv-kitchen')}"


@pytest.mark.parametrize(
    "own",
    [
        Tool("mcp__roses__prune", "secret"),
        Tool("Edit", "secret of /home/someone/garden"),
        Tool("Agent", "Available agent types:\n- general-purpose: Works.\n- plants:pruner: secret"),
    ],
)
def test_the_tools_end_before_the_first_that_may_be_the_recorded_projects(own: Tool) -> None:
    shared = beginning(request(tools=(Tool("Read"), Tool("Skill"), own, Tool("Workflow"))), IN_KITCHEN)

    assert tool_names(shared) == ["Read", "Skill"]


def test_an_agent_list_without_agents_of_the_users_is_shared() -> None:
    agents = Tool("Agent", "Available agent types:\n- general-purpose: Works.\n- Plan: Plans.\n\n- Lookups: no.")

    assert tool_names(beginning(request(tools=(Tool("Read"), agents)), IN_KITCHEN)) == ["Read", "Agent"]


def test_a_tool_that_a_third_project_has_too_is_the_users() -> None:
    users, own = Tool("mcp__notes__add", "Adds."), Tool("mcp__roses__prune", "secret")
    recorded = request(tools=(Tool("Read"), users, own))
    shared = shared_beginning(recorded, GARDEN, IN_KITCHEN, (users, replace(own, description="other")))

    assert shared is not None
    assert tool_names(shared) == ["Read", "mcp__notes__add"]


@given(
    place=st.sampled_from(["system", "tool", "message"]),
    folder=st.sampled_from(["/home/someone/garden", "/a", "/", "/home/someone/my garden"]),
)
def test_no_text_after_the_folders_name_reaches_another_project(place: str, folder: str) -> None:
    text = f"Be exact.\nIn {folder}:\nsecret\n"
    recorded = request(text if place == "system" else "You help.")
    if place == "tool":
        recorded = replace(recorded, tools=(Tool("Read"), Tool("Write", text)))
    shared = shared_beginning(recorded, replace(GARDEN, folder=folder), IN_KITCHEN)

    assert shared is None or b"secret" not in encode_request(shared)


def test_the_other_kind_shares_the_tools_before_the_first_that_differs_and_the_first_section() -> None:
    shared = beginning(request(), WITH_PRINT)

    assert tool_names(shared) == ["Read", "WebFetch", "Skill", "CronList"]
    assert system_text(shared) == f"{PRINT_IDENTITY}\nYou help.\n\n# Harness\n - Be exact.\n\n"


def test_without_background_work_the_other_kind_has_the_same_commands() -> None:
    tools = (Tool("Bash", "Runs."), Tool("Edit"), Tool("Read"), Tool("AskUserQuestion"))

    assert tool_names(beginning(request(tools=tools), WITH_PRINT)) == ["Read", "Bash", "Edit"]


@pytest.mark.parametrize(("wanted", "names"), [(UNDER_FULL, ["Read", "WebFetch", "Skill"]), (UNDER_MINIMAL, ["Read"])])
def test_another_diet_shares_the_first_tools(wanted: LaunchKey, names: list[str]) -> None:
    assert tool_names(beginning(request(), wanted)) == names


def test_nothing_is_shared_without_a_shared_tool_or_with_another_client() -> None:
    other_client = replace(GARDEN, fingerprint="two", traits=replace(TRAITS, client="d"))

    assert shared_beginning(request(tools=(Tool("mcp__roses__prune"),)), GARDEN, IN_KITCHEN) is None
    assert shared_beginning(request(), GARDEN, other_client) is None
