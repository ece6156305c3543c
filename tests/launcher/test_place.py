"""When two launches begin alike, and which session goes on."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from anyclaude.launcher.client import Client
from anyclaude.launcher.diet import CLIENT_DIETS
from anyclaude.launcher.place import goes_on, place_of, session_to_go_on_with
from anyclaude.launcher.plan import Invocation
from anyclaude.scheduling.first_prompt import Place

SESSION = "0e31949d-9c0e-48c3-9a86-3c5ddb3f8c0b"
CLIENT = Client(("/usr/bin/claude",), is_native=True)
INVOCATION = Invocation((), {}, Path("/garden"))


def place(*arguments: str, folder: str = "/garden", client: Client = CLIENT, diet: int = 0, model: str = "m") -> Place:
    invocation = replace(INVOCATION, arguments=arguments, folder=Path(folder))
    return place_of(invocation, client, CLIENT_DIETS[diet], model)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("-p", "Pull the weeds"), ("-p", "Water the roses")),
        (("-p", "x"), ("--print", "y")),
        (("--continue",), ()),
        (("--resume", SESSION), ()),
        (("--verbose", "--permission-mode", "plan"), ()),
        (("--", "--tools", "Bash"), ()),
        (("--tools", "Bash", "-p", "x"), ("--verbose", "--tools", "Bash", "-p", "y")),
    ],
)
def test_what_does_not_shape_the_prompt_makes_no_other_place(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert place(*one) == place(*other)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "x"),
        ("--tools", "Bash"),
        ("--tools=Bash",),
        ("--tools", "Bash", "Read"),
        ("--append-system-prompt", "Be kind"),
        ("--bare",),
        ("--mcp-config", "servers.json"),
    ],
)
def test_what_shapes_the_prompt_makes_another_manner(arguments: tuple[str, ...]) -> None:
    assert place(*arguments).manner != place().manner
    assert place(*arguments).folder == place().folder


def test_the_client_its_diet_and_the_model_are_part_of_the_manner_and_the_folder_is_not() -> None:
    manners = {
        place().manner,
        place(client=Client(("/opt/claude",), is_native=True)).manner,
        place(diet=1).manner,
        place(model="n").manner,
    }

    assert len(manners) == 4
    assert place(folder="/kitchen") == Place("/kitchen", place().manner)


def test_what_the_user_wrote_is_in_a_place_as_a_digest_alone() -> None:
    assert "secret" not in place("--append-system-prompt", "the secret").manner


@pytest.mark.parametrize(
    ("arguments", "is_going_on", "session"),
    [
        ((), False, None),
        (("-p", "--continue"), True, None),
        (("-c",), True, None),
        (("--resume",), True, None),
        (("--resume", SESSION), True, SESSION),
        (("-r", SESSION.upper()), True, SESSION),
        ((f"--resume={SESSION}",), True, SESSION),
        (("--resume", "-p", "x"), True, None),
        (("--resume", "some words"), True, None),
        (("--", "--continue"), False, None),
    ],
)
def test_the_session_that_goes_on_is_known_from_the_arguments_where_they_tell(
    arguments: tuple[str, ...], is_going_on: bool, session: str | None
) -> None:
    assert (goes_on(arguments), session_to_go_on_with(arguments)) == (is_going_on, session)
