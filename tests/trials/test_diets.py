"""Each diet, set on the command line, with the real client: the work is still done, and the prompt is smaller."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest
from tests.parts.chat_reply import ReplyFormat, call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import always, in_turn
from tests.parts.chat_server import ChatServer, ServerOptions, chat_server
from tests.parts.claude_code import ClientTask, Run, Workspace, workspace_for
from tests.parts.claude_code_versions import VERSIONS, Client, installed_client
from tests.parts.launched_command import run_anyclaude
from tests.parts.work_tree import files_in, make_work_tree

from anyclaude.protocol.json_values import encode_json
from anyclaude.transforms import Diet

DIETS: tuple[Diet, ...] = get_args(Diet)
RULE = "Use tabs, and call the user Captain."
BEFORE = {"CLAUDE.md": f"# Rules\n\n{RULE}\n", "greeting.py": 'def greet():\n\treturn "hello"\n'}
AFTER = {
    "CLAUDE.md": BEFORE["CLAUDE.md"].encode(),
    "greeting.py": b'def greet():\n\treturn "ahoy"\n',
    "notes.txt": b"done\n",
    "joined.txt": b"done\ndone\n",
}


@dataclass(frozen=True, slots=True)
class Session:
    """One run of `anyclaude`, the requests to the model server, and the resulting files."""

    run: Run
    server: ChatServer
    tree: Path
    files: dict[str, bytes]
    steps: tuple[frozenset[str], ...]
    """The transforms that the journal records for each prompt."""

    @property
    def requests(self) -> tuple[ChatRequest, ...]:
        """The requests, oldest first."""
        return tuple(exchange.request for exchange in self.server.exchanges)

    @property
    def first_prompt(self) -> int:
        """The characters of the first prompt, with its tools."""
        first = self.requests[0].raw
        return len(encode_json(first["messages"])) + len(encode_json(first.get("tools", [])))

    @property
    def system_prompt(self) -> str:
        """The text of the system prompt, as in a project whose path is not as long as that of a test's folder."""
        return self.requests[0].messages[0].text.replace(str(self.tree), "/home/user/project")


@pytest.fixture(scope="module", params=VERSIONS)
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Diet, Session]]:
    """Play the task under every diet, with one release."""
    client = installed_client(str(request.param))
    played = {diet: asyncio.run(play(client, diet, tmp_path_factory.mktemp(diet))) for diet in DIETS}
    for session in played.values():
        session.server.check()
        session.run.check()
    yield played


async def play(client: Client, diet: Diet, folder: Path) -> Session:
    """Let the client read, edit, write and run a command."""
    workspace = workspace_for(make_work_tree(folder / "tree", dict(BEFORE)), folder)
    script = in_turn(
        reply(call("Read", file_path=str(workspace.tree / "greeting.py"))),
        reply(call("Edit", file_path=str(workspace.tree / "greeting.py"), old_string="hello", new_string="ahoy")),
        reply(call("Write", file_path=str(workspace.tree / "notes.txt"), content="done\n")),
        reply(call("Bash", command="cat notes.txt notes.txt >joined.txt", description="Join")),
        reply(say("Aye.")),
    )
    async with chat_server(script) as server:
        words = ("--mode", "generic", "--backend-url", server.base_url, "--model", "local-qwen", "--diet", diet)
        task = ClientTask("Change the greeting.", environment={"ANYCLAUDE_CONTEXT_TOKENS": "131072"})
        run = await run_anyclaude(client, workspace, words, task)
    return Session(
        run, server, workspace.tree, files_in(workspace.tree), steps_in(workspace.home / ".anyclaude" / "request-logs")
    )


def steps_in(journal: Path) -> tuple[frozenset[str], ...]:
    """Return the names of the steps that changed the size of each prompt."""
    lines = [line for file in sorted(journal.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return tuple(frozenset(step["name"] for step in json.loads(line)["steps"]) for line in lines)


@pytest.mark.parametrize("diet", DIETS)
def test_the_work_is_done(sessions: dict[Diet, Session], diet: Diet) -> None:
    assert sessions[diet].run.text == "Aye."
    assert sessions[diet].files == AFTER


@pytest.mark.parametrize("diet", DIETS)
def test_the_users_instructions_and_the_safety_rules_arrive_unchanged(
    sessions: dict[Diet, Session], diet: Diet
) -> None:
    everything = "\n".join(message.text for message in sessions[diet].requests[0].messages)

    assert RULE in everything
    assert "IMPORTANT: Assist with authorized security testing" in sessions[diet].system_prompt


@pytest.mark.parametrize("diet", DIETS)
def test_each_prompt_extends_the_previous_one(sessions: dict[Diet, Session], diet: Diet) -> None:
    for before, after in itertools.pairwise(sessions[diet].requests):
        assert after.raw["tools"] == before.raw["tools"]
        assert after.messages[: len(before.messages)] == before.messages


def test_lean_and_minimal_stay_within_their_share_of_the_full_prompt(sessions: dict[Diet, Session]) -> None:
    full = sessions["full"].first_prompt

    assert sessions["lean"].first_prompt <= 0.6 * full
    assert sessions["minimal"].first_prompt <= 0.3 * full


def test_the_minimal_system_prompt_is_under_three_thousand_characters(sessions: dict[Diet, Session]) -> None:
    assert len(sessions["minimal"].system_prompt) < 3_000


def test_the_lean_diet_keeps_the_tools_for_coding(sessions: dict[Diet, Session]) -> None:
    tools = {tool.function.name for tool in sessions["lean"].requests[0].body.tools}

    assert tools >= {"Agent", "Bash", "Edit", "NotebookEdit", "Read", "Skill", "WebFetch", "Write"}


def test_the_journal_records_the_transforms_that_shortened_the_prompt(sessions: dict[Diet, Session]) -> None:
    assert set(sessions["full"].steps) == {frozenset()}
    assert set(sessions["minimal"].steps) == {frozenset({"system prompt", "tool text"})}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_machine_that_was_slow_gets_a_smaller_diet_in_another_project(version: str, tmp_path: Path) -> None:
    """The server says that it takes 20 ms for each token of a prompt: `lean` takes more than a minute."""
    client = installed_client(version)
    garden = workspace_for(make_work_tree(tmp_path / "garden", dict(BEFORE)), tmp_path)
    kitchen = Workspace(garden.home, make_work_tree(tmp_path / "kitchen", dict(BEFORE)), tmp_path / "kitchen.log")
    options = ServerOptions(reply_format=ReplyFormat(prompt_token_ms=20.0))
    async with chat_server(always(reply(say("Aye."))), options) as server:
        words = ("--mode", "generic", "--backend-url", server.base_url, "--model", "local-qwen")
        task = ClientTask("Say aye.", environment={"ANYCLAUDE_CONTEXT_TOKENS": "131072"})
        said, tools = [], []
        for workspace in (garden, kitchen, garden):
            said.append((await run_anyclaude(client, workspace, words, task)).stderr)
            tools.append({tool.function.name for tool in server.requests[-1].body.tools})

    assert ["diet lean ·" in text for text in said] == [True, False, True]
    assert "diet minimal: a first prompt of lean would take about" in said[1]
    assert "--diet lean chooses it" in said[1]
    assert [names == {"Bash", "Edit", "Read", "Write"} for names in tools] == [False, True, False]
