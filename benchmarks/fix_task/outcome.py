"""The task, and how a run of it ended."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from anyclaude.protocol.json_values import JsonObject

TEST = "test_calc.py"
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n\n\ndef multiply(a, b):\n    return a * b\n",
    TEST: (
        "from calc import add, multiply\n\n"
        'assert add(2, 3) == 5, f"add(2, 3) returned {add(2, 3)} instead of 5"\n'
        "assert multiply(2, 3) == 6\n"
        'print("all tests passed")\n'
    ),
}
PROMPT = (
    "The function add in calc.py has a bug. Read calc.py, fix the bug, then run `python3 test_calc.py`. "
    "Do not change test_calc.py."
)
TEST_SECONDS = 10
LOOP = "anyclaude ended this"
"""Begins what the user reads when the gateway has ended a turn or a reply."""

Events: TypeAlias = Sequence[JsonObject]
"""What the client printed: one event for each message, and one for the result."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the client's process ended; `status` is `None` when it was stopped at the time limit."""

    status: int | None
    seconds: float
    events: Events
    prompt_tokens: int = 0
    """Of the first request; 0 if it is not known."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run achieved and what it cost."""

    reason: str
    """Why the task is not done; empty if it is."""
    seconds: float
    turns: int
    calls: int
    failed_calls: int
    prompt_tokens: int

    @property
    def succeeded(self) -> bool:
        """Whether the test passes, and is still the same test."""
        return not self.reason


def outcome(tree: Path, ending: Ending) -> Outcome:
    """Return what a run has achieved, by its files and its events."""
    results = [block for block in _blocks(ending.events, "user") if block.get("type") == "tool_result"]
    replies = {message.get("id") for message in _messages(ending.events, "assistant")}
    return Outcome(
        reason="" if _test_passes(tree) else _reason(tree, ending, len(results)),
        seconds=ending.seconds,
        turns=len(replies),
        calls=len(results),
        failed_calls=sum(block.get("is_error") is True for block in results),
        prompt_tokens=ending.prompt_tokens,
    )


def first_prompt_tokens(events: Events) -> int:
    """Return the tokens of the first prompt by the usage at the start of its reply, 0 if it has none."""
    usage = next((message.get("usage") for message in _messages(events, "assistant")), None)
    if not isinstance(usage, Mapping):
        return 0
    counts = (usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
    return sum(count for count in counts if isinstance(count, int))


def _test_passes(tree: Path) -> bool:
    """Return whether the unchanged test passes."""
    if _content(tree, TEST) != FILES[TEST]:
        return False
    try:
        run = subprocess.run(
            (sys.executable, TEST), cwd=tree, capture_output=True, timeout=TEST_SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def _reason(tree: Path, ending: Ending, calls: int) -> str:
    """Return the first thing that explains why the task is not done."""
    if _content(tree, TEST) != FILES[TEST]:
        return "changed the test"
    if refusal := _refusal(ending.events):
        return refusal
    if _content(tree, "calc.py") != FILES["calc.py"]:
        done = "changed calc.py, not to the better"
    else:
        done = "called tools, calc.py is unchanged" if calls else "called no tool"
    return f"{done}{_limit(ending)}"


def _limit(ending: Ending) -> str:
    if ending.status is None:
        return " (time limit)"
    for event in ending.events:
        if event.get("subtype") == "error_max_turns":
            return " (turn limit)"
        if event.get("type") == "result" and str(event.get("result")).startswith(LOOP):
            return " (a loop that anyclaude ended)"
    return ""


def _refusal(events: Events) -> str:
    """Return the error that the client reported as its result, shortened."""
    for event in events:
        text = event.get("result")
        if event.get("type") == "result" and event.get("is_error") is True and isinstance(text, str) and text:
            return f"the client reported: {text[:100]}"
    return ""


def _messages(events: Events, kind: str) -> Iterator[JsonObject]:
    for event in events:
        message = event.get("message")
        if event.get("type") == kind and isinstance(message, Mapping):
            yield message


def _blocks(events: Events, kind: str) -> Iterator[JsonObject]:
    for message in _messages(events, kind):
        content = message.get("content")
        if isinstance(content, list):
            yield from (block for block in content if isinstance(block, Mapping))


def _content(tree: Path, name: str) -> str | None:
    file = tree / name
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None
