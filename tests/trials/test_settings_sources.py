"""
The sources of the client's settings: the real client does what the launcher reads of them, and a launch keeps to the
gateway whatever they say.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.claude_code import ClientTask, Run, run_command, workspace_for
from tests.parts.claude_code_versions import NATIVE, Client, installed_client
from tests.parts.launched_command import run_anyclaude, users_environment
from tests.parts.recording_server import RecordedRequest, RecordingServer, recording_server
from tests.parts.work_tree import make_work_tree

from anyclaude.launcher.client.environment import is_proxied
from anyclaude.launcher.client.user_settings import LINUX_MANAGED_FOLDER, UserSettings, read_user_settings
from anyclaude.protocol.json_values import JsonObject, JsonValue

FILES = {
    "global": "home/.claude.json",
    "user": "home/.claude/settings.json",
    "project": "tree/.claude/settings.json",
    "local": "tree/.claude/settings.local.json",
    "flag file": "tree/given.json",
    "managed": "managed/managed-settings.json",
    "managed, more": "managed/managed-settings.d/10-more.json",
}
SOURCES = ("global", "user", "project", "local", "flag", "flag file", "exported")
MANAGED = ("managed", "managed, more")
AS_DRAWN = (Phase.generate,)
"""Each example starts the client, which takes a second: a failure is reported as it is, and not made smaller."""

WORDS = ((), ("--restricted",), ("--setting-sources", "user"), ("--setting-sources=project,local",))
"""Arguments that choose among the sources."""

ELSEWHERE, PROXY = "http://elsewhere.invalid", "http://proxy.invalid"
"""Stand for the addresses of servers, which are known when they run."""

QUIET = {
    "ANTHROPIC_AUTH_TOKEN": "dummy",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
}

PLANNING = "Plan mode is active"
"""What a request says in the permission mode `plan`."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What each source contains, and the client's arguments."""

    contents: Mapping[str, JsonObject]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the client should go, where its settings may send it, and a proxy."""

    usual: RecordingServer
    elsewhere: RecordingServer
    proxy: RecordingServer

    @property
    def all_requests(self) -> list[RecordedRequest]:
        """The requests for a message, wherever they went."""
        seen = (self.usual, self.elsewhere, self.proxy)
        return [request for server in seen for request in server.requests if "messages" in request.path]

    def placed(self, content: JsonObject) -> JsonObject:
        """Return settings with the servers' addresses."""
        text = json.dumps(content).replace(ELSEWHERE, self.elsewhere.origin).replace(PROXY, self.proxy.origin)
        placed = json.loads(text)
        assert isinstance(placed, dict)
        return placed


def content_of(source: str) -> st.SearchStrategy[JsonObject]:
    """Return settings whose values name their source."""
    number = 1_000 + 100 * (SOURCES + MANAGED).index(source)
    environment: dict[str, st.SearchStrategy[JsonValue]] = {
        "ANTHROPIC_MODEL": st.sampled_from([f"m-{number}", f"m-{number}[1m]"]),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": st.sampled_from(
            [str(number)] if source == "exported" else [number, str(number)]
        ),
        "ANTHROPIC_CUSTOM_HEADERS": st.just(f"x-from: {number}"),
        "ANTHROPIC_BASE_URL": st.just(ELSEWHERE),
        "HTTP_PROXY": st.just(PROXY),
        "CLAUDE_CODE_DISABLE_1M_CONTEXT": st.just("0"),
    }
    variables = st.fixed_dictionaries({}, optional=environment)
    if source == "exported":
        return variables
    fields: dict[str, st.SearchStrategy[JsonValue]] = {"model": st.just(f"f-{number}")}
    if source != "global":
        modes = st.sampled_from(["plan", "acceptEdits"])
        fields["permissions"] = st.one_of(*[st.fixed_dictionaries({"defaultMode": modes})] * 3, st.just(5))
    return st.fixed_dictionaries({"env": variables}, optional=fields)


def arrangements(*sources: str) -> st.SearchStrategy[Arrangement]:
    """Return arrangements in which some of these sources exist; of the two forms of the flag, at most one."""
    contents = st.fixed_dictionaries({}, optional={source: content_of(source) for source in sources})
    return st.builds(Arrangement, contents.map(_with_one_flag), st.sampled_from(WORDS))


def _with_one_flag(contents: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return {name: content for name, content in contents.items() if name != "flag file" or "flag" not in contents}


class Place:
    """The files of one arrangement, the variables and the arguments that go with them."""

    def __init__(self, folder: Path, arrangement: Arrangement, servers: Servers) -> None:
        self.folder = folder
        self.workspace = workspace_for(make_work_tree(folder / "tree", {"one.txt": "one\n"}), folder)
        self.managed = folder / "managed"
        contents = {name: servers.placed(content) for name, content in arrangement.contents.items()}
        for name, content in contents.items():
            if name in FILES:
                file = folder / FILES[name]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(content))
        flag = {"flag": json.dumps(contents.get("flag")), "flag file": "given.json"}
        given = tuple(word for name, value in flag.items() if name in contents for word in ("--settings", value))
        self.words = (*arrangement.words, *given)
        self.exported = {name: str(value) for name, value in contents.get("exported", {}).items()}

    def environment(self, client: Client, origin: str) -> dict[str, str]:
        """Return the environment of a client without a launcher, which is to go to `origin`."""
        return users_environment(client, self.workspace) | QUIET | {"ANTHROPIC_BASE_URL": origin} | self.exported

    def read(self, environment: Mapping[str, str]) -> UserSettings:
        """Return what the launcher reads."""
        return read_user_settings(self.words, environment, self.workspace.home, self.workspace.tree, self.managed)


async def seen_of_bare_client(arrangement: Arrangement, *, is_managed: bool = False) -> None:
    """Check that the client does what was read of its settings."""
    client = installed_client(NATIVE)
    with tempfile.TemporaryDirectory() as folder:
        async with recording_server() as usual, recording_server() as elsewhere, recording_server() as proxy:
            servers = Servers(usual, elsewhere, proxy)
            place = Place(Path(folder), arrangement, servers)
            environment = place.environment(client, usual.origin)
            command = (*client.command, *place.words, "-p", "hi")
            if is_managed:
                command = (*in_own_etc(place.managed), *command)
            run = await run_command(command, place.workspace, environment, 60)
            user = place.read(environment)
            check(user, servers, run)


def check(user: UserSettings, servers: Servers, run: Run) -> None:
    """Check where the first request went, and what is in it."""
    if user.is_flag_unreadable:
        assert not servers.all_requests
        return
    expected = servers.proxy if is_proxied(user.environment) else servers.usual
    if expected is servers.usual and user.environment["ANTHROPIC_BASE_URL"] != servers.usual.origin:
        expected = servers.elsewhere
    requests = servers.all_requests
    assert requests, run.report()
    assert requests == [request for request in expected.requests if "messages" in request.path]
    first = requests[0]
    model = user.environment.get("ANTHROPIC_MODEL") or user.field("model")
    if model is not None:
        assert first.body["model"] == str(model).removesuffix("[1m]")
    if (limit := user.environment.get("CLAUDE_CODE_MAX_OUTPUT_TOKENS")) is not None:
        assert first.body["max_tokens"] == int(limit)
    stated = user.environment.get("ANTHROPIC_CUSTOM_HEADERS")
    assert first.headers.get("x-from") == (stated.removeprefix("x-from: ") if stated else None)
    assert (PLANNING in json.dumps(first.body)) == (user.permission_mode == "plan")


@settings(max_examples=12, derandomize=True, database=None, phases=AS_DRAWN)
@given(arrangements(*SOURCES))
def test_the_client_does_what_was_read(arrangement: Arrangement) -> None:
    asyncio.run(seen_of_bare_client(arrangement))


def in_own_etc(managed: Path) -> tuple[str, ...]:
    """Return the command that runs another with a copy of /etc that contains the administrator's settings."""
    etc = managed.with_name("etc")
    subprocess.run(("cp", "-a", "/etc", str(etc)), check=True, timeout=60)
    shutil.copytree(managed, etc / Path(LINUX_MANAGED_FOLDER).name, dirs_exist_ok=True)
    return ("unshare", "-m", "sh", "-c", f'mount --bind {etc} /etc && exec "$@"', "sh")


def can_mount() -> bool:
    """Return whether this machine lets us have mounts of our own."""
    if os.geteuid() or shutil.which("unshare") is None:
        return False
    return not subprocess.run(("unshare", "-m", "true"), check=False, capture_output=True, timeout=10).returncode


@pytest.mark.skipif(not can_mount(), reason="only root in its own mount namespace can have settings in /etc")
@settings(max_examples=5, derandomize=True, database=None, phases=AS_DRAWN)
@given(arrangements("user", "flag", "exported", *MANAGED).filter(lambda it: "managed" in it.contents))
def test_the_client_does_what_was_read_of_an_administrators_settings(arrangement: Arrangement) -> None:
    asyncio.run(seen_of_bare_client(arrangement, is_managed=True))


async def launch(arrangement: Arrangement) -> None:
    """Check that a launch with these settings gets its reply from the server, and that no other is asked."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            recording_server() as elsewhere,
            recording_server() as proxy,
            chat_server(always(reply(say("All is well.")))) as server,
        ):
            place = Place(Path(folder), arrangement, Servers(elsewhere, elsewhere, proxy))
            user = place.read(place.exported)
            words = ("--backend-url", server.base_url, *place.words)
            client, task = installed_client(NATIVE), ClientTask("hi", environment=place.exported)
            run = await run_anyclaude(client, place.workspace, words, task)
    assert not elsewhere.requests
    assert not proxy.requests
    if user.is_flag_unreadable:
        assert run.status
        return
    run.check()
    assert run.text == "All is well."
    assert {request.body.model for request in server.requests} == {"scripted-model"}
    assert not any("x-from" in request.headers for request in server.requests)


LISTS: JsonObject = {"availableModels": ["opus"], "env": {"CLAUDE_CODE_USE_BEDROCK": "1", "ALL_PROXY": PROXY}}


@settings(max_examples=8, derandomize=True, database=None, phases=AS_DRAWN)
@given(arrangements(*SOURCES).filter(lambda it: it.words != ("--restricted",)))  # as root it may not run tools unasked
def test_a_launch_keeps_to_the_gateway(arrangement: Arrangement) -> None:
    asyncio.run(launch(arrangement))


@pytest.mark.parametrize("source", ["user", "local", "flag"])
async def test_no_list_of_models_and_no_other_provider_takes_the_client_from_the_gateway(source: str) -> None:
    await launch(Arrangement({source: LISTS}))
