"""The real client, and a backend that crashes at the worst times and restarts: the work is done exactly once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.faults.expected_reply import Arguments, ExpectedReply, Text, ToolCallStart
from tests.parts.claude_code import ClientTask, Run, run_claude, workspace_for
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.faulty_backend import Ending, Play, Received, faulty_backend, messages_in
from tests.parts.gateway import running_gateway, target_at
from tests.parts.work_tree import make_work_tree

PROMPT = "Append one line to log.txt."
ARGUMENTS = json.dumps({"command": "echo appended >>log.txt", "description": "Append one line"})

WORK = ExpectedReply(
    (
        Text("I append"),
        Text(" exactly one"),
        Text(" line to the"),
        Text(" log, as you"),
        Text(" wish."),
        ToolCallStart(0, "Bash"),
        *(Arguments(0, ARGUMENTS[at : at + 10]) for at in range(0, len(ARGUMENTS), 10)),
    ),
    "tool_calls",
)
IN_OTHER_WORDS = ExpectedReply((Text("Very well. Let me do that."), *WORK.parts[5:]), "tool_calls")
DONE = ExpectedReply((Text("The line is"), Text(" appended.")))

NO_BYTE = Play(head_bytes=0, ending=Ending.RESET)
IN_THE_TEXT = Play(tuple(WORK.events()[:4]), Ending.RESET)
IN_THE_CALL = Play(tuple(WORK.events()[:8]), Ending.RESET)
IN_THE_REPORT = Play(tuple(DONE.events()[:1]), Ending.RESET)


@dataclass
class Model:
    """Plays the replies of each turn in order, and repeats the last."""

    work: Sequence[Play | ExpectedReply]
    report: Sequence[Play | ExpectedReply] = (DONE,)
    received: list[Received] = field(default_factory=list)

    def __call__(self, received: Received) -> Play:
        """Answer one request; a tool result in it marks the second turn."""
        self.received.append(received)
        has_worked = _has_worked(received)
        replies = self.report if has_worked else self.work
        times = sum(_has_worked(earlier) == has_worked for earlier in self.received)
        chosen = replies[min(times, len(replies)) - 1]
        return chosen if isinstance(chosen, Play) else Play(tuple(chosen.continuing(received.prefill).events()))


async def work_with(model: Model, version: str, folder: Path) -> tuple[Run, str]:
    """Run the client, and return its run and the contents of the log afterwards."""
    workspace = workspace_for(make_work_tree(folder / "tree", {"log.txt": "begun\n"}), folder)
    task = ClientTask(PROMPT, environment={"CLAUDE_CODE_MAX_RETRIES": "4"})
    async with (
        faulty_backend(model) as backend,
        running_gateway(folder, target_at(backend.base_url)) as gateway,
    ):
        run = await run_claude(installed_client(version), workspace, gateway.base_url, task)
    return run, (workspace.tree / "log.txt").read_text()


@pytest.mark.parametrize(
    "work",
    [
        (NO_BYTE, NO_BYTE, WORK),
        (IN_THE_TEXT, WORK),
        (IN_THE_CALL, WORK),
        (IN_THE_TEXT, NO_BYTE, NO_BYTE, WORK),
    ],
    ids=["before the first byte", "in the text", "in the call", "in the text, and gone for a while"],
)
async def test_the_client_does_not_notice_a_backend_that_restarts_and_continues(
    work: Sequence[Play | ExpectedReply], tmp_path: Path
) -> None:
    run, log = await work_with(Model(work, (IN_THE_REPORT, DONE)), NATIVE, tmp_path)

    run.check()
    assert log == "begun\nappended\n"
    assert run.text == "The line is appended."
    assert run.events_of("system", "api_retry") == ()
    assert run.result["num_turns"] == 2


@pytest.mark.parametrize(
    ("version", "broken"),
    [(version, broken) for version in VERSIONS for broken in (IN_THE_TEXT, IN_THE_CALL)],
    ids=lambda value: value if isinstance(value, str) else "in the text" if value is IN_THE_TEXT else "in the call",
)
async def test_the_client_retries_if_the_restarted_backend_gives_another_reply(
    version: str, broken: Play, tmp_path: Path
) -> None:
    run, log = await work_with(Model((broken, IN_OTHER_WORDS)), version, tmp_path)

    run.check()
    assert log == "begun\nappended\n"
    assert run.text == "The line is appended."


def _has_worked(received: Received) -> bool:
    return any(message.get("role") == "tool" for message in messages_in(received.body))
