"""Which launches begin alike, and which session they continue."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from anyclaude.launcher.client.diets import CLIENT_DIETS
from anyclaude.launcher.client.finding import Client
from anyclaude.launcher.client.plan import Invocation
from anyclaude.launcher.launch_key import OF_PROJECT, continued_session, continues_session, launch_key_of
from anyclaude.prewarm.launches import Difference, LaunchKey, difference_between

SESSION = "0e31949d-9c0e-48c3-9a86-3c5ddb3f8c0b"
CLIENT = Client(("/usr/bin/claude",), is_native=True)
INVOCATION = Invocation((), {}, Path("/garden"))


def launch_key(
    *arguments: str, folder: str = "/garden", client: Client = CLIENT, diet: int = 0, model: str = "m"
) -> LaunchKey:
    invocation = replace(INVOCATION, arguments=arguments, folder=Path(folder))
    return launch_key_of(invocation, client, CLIENT_DIETS[diet], model)


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
def test_other_arguments_do_not_change_the_key(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert launch_key(*one) == launch_key(*other)


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
def test_arguments_that_shape_the_prompt_change_the_fingerprint(arguments: tuple[str, ...]) -> None:
    assert launch_key(*arguments).fingerprint != launch_key().fingerprint
    assert launch_key(*arguments).folder == launch_key().folder


def test_client_diet_and_model_are_part_of_the_fingerprint_and_the_folder_is_not() -> None:
    fingerprints = {
        launch_key().fingerprint,
        launch_key(client=Client(("/opt/claude",), is_native=True)).fingerprint,
        launch_key(diet=1).fingerprint,
        launch_key(model="n").fingerprint,
    }

    assert len(fingerprints) == 4
    assert launch_key(folder="/kitchen") == replace(launch_key(), folder="/kitchen")


@pytest.mark.parametrize(
    ("key", "difference"),
    [
        (launch_key("-p", "x"), Difference(is_other_kind=True)),
        (launch_key(folder="/kitchen"), Difference(is_other_project=True)),
        (launch_key(diet=1), Difference(is_other_diet=True)),
        (launch_key(model="n"), Difference(is_other_model=True)),
        (launch_key(client=Client(("/opt/claude",), is_native=True)), None),
        (launch_key("--tools", "Bash"), None),
    ],
)
def test_launches_are_compared_by_what_shapes_their_prompts(key: LaunchKey, difference: Difference | None) -> None:
    assert difference_between(key, launch_key()) == difference


@pytest.mark.parametrize("flag", sorted(OF_PROJECT))
def test_a_flag_that_may_name_something_in_the_project_shares_nothing_with_another_project(flag: str) -> None:
    here, once = launch_key(flag, "x.json"), launch_key(flag, "x.json", "-p", "y")

    assert difference_between(here, once) == Difference(is_other_kind=True)
    assert difference_between(here, launch_key(flag, "x.json", folder="/kitchen")) is None
    assert difference_between(here, launch_key(f"{flag}=x.json", folder="/kitchen")) is None


def test_the_users_flags_are_in_the_key_as_a_digest_only() -> None:
    assert b"secret" not in msgspec.json.encode(launch_key("--append-system-prompt", "the secret"))


@pytest.mark.parametrize(
    ("arguments", "continues", "session"),
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
def test_the_continued_session_is_read_from_the_arguments(
    arguments: tuple[str, ...], continues: bool, session: str | None
) -> None:
    assert (continues_session(arguments), continued_session(arguments)) == (continues, session)


def test_names_and_arguments_need_not_be_text() -> None:
    odd = "caf\udce9"  # as Python shows a name in Latin-1
    keys = [
        launch_key("--append-system-prompt", odd),
        launch_key(folder=f"/{odd}"),
        launch_key(client=Client((f"/{odd}/claude",), is_native=True)),
    ]

    assert len({msgspec.json.encode(key) for key in keys}) == 3
