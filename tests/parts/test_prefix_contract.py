"""The prefix contract fails exactly the tests it must fail."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.parts.prefix_contract import BrokenContract, PrefixContract, has_turns, prompt_of

from anyclaude.dialects import WireRequest
from anyclaude.protocol.json_values import JsonObject

ROOT = Path(__file__).parents[2]
MAIN, AGENT = "session-1//", "session-1/a1/"
READ: JsonObject = {"type": "function", "function": {"name": "Read", "parameters": {}}}


def user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def assistant(text: str) -> JsonObject:
    return {"role": "assistant", "content": text}


def moves(*requests: tuple[str, list[JsonObject]], tools: list[list[JsonObject]] | None = None) -> list[str]:
    """Return the moves that a contract reports for these requests, each with its tools."""
    contract = PrefixContract()
    for number, (conversation, messages) in enumerate(requests):
        body = {"model": "m", "messages": messages} | ({"tools": tools[number]} if tools else {})
        contract.observe(conversation, WireRequest("/chat/completions", json.dumps(body).encode()))
    return [str(move) for move in contract.moves]


def test_turns_that_extend_the_prompt_are_not_moves() -> None:
    turns = [user("One"), assistant("Two"), user("Three")]

    assert moves((MAIN, turns[:1]), (MAIN, turns), (MAIN, turns)) == []


def test_a_last_message_that_grows_is_not_a_move() -> None:
    assert moves((MAIN, [user("One")]), (MAIN, [user("One\n\nTwo")])) == []
    assert moves((MAIN, [user("One"), assistant("Tw")]), (MAIN, [user("One"), assistant("Two"), user("Three")])) == []


def test_a_repeated_or_shorter_prompt_is_not_a_move() -> None:
    assert moves((MAIN, [user("One"), assistant("Tw")]), (MAIN, [user("One")])) == []


def test_a_changed_beginning_is_reported_with_both_texts() -> None:
    (move,) = moves((MAIN, [user("One"), user("Two")]), (MAIN, [user("Uno"), user("Two")]))

    assert MAIN in move
    assert "One" in move
    assert "Uno" in move


def test_an_inserted_or_moved_message_is_reported() -> None:
    assert len(moves((MAIN, [user("One"), user("Two")]), (MAIN, [user("One"), assistant("!"), user("Two")]))) == 1
    assert len(moves((MAIN, [user("One"), user("Two")]), (MAIN, [user("Two"), user("One")]))) == 1


def test_tools_are_the_first_part_of_the_prompt() -> None:
    turns = [(MAIN, [user("One")])] * 2

    assert moves(*turns, tools=[[READ], [READ]]) == []
    assert len(moves(*turns, tools=[[READ], [{**READ, "type": "other"}, READ]])) == 1


def test_each_conversation_has_its_own_prompt() -> None:
    assert moves((MAIN, [user("One")]), (AGENT, [user("Uno")]), (MAIN, [user("One"), assistant("Two")])) == []


@pytest.mark.parametrize(
    ("conversation", "turns"),
    [(MAIN, True), (AGENT, True), ("session-1//auxiliary", False), ("//", False), ("/a1/", False)],
)
def test_requests_without_a_session_and_auxiliary_ones_are_independent(conversation: str, turns: bool) -> None:
    assert has_turns(conversation) is turns


def test_images_and_calls_are_part_of_the_prompt() -> None:
    picture: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    call: JsonObject = {"role": "assistant", "content": None, "tool_calls": [{"id": "call00001"}]}

    prompt = prompt_of({"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, picture]}, call]})

    assert prompt.startswith("\n<user>\nLook{")
    assert "AA" in prompt
    assert prompt.endswith('[{"id": "call00001"}]')


@pytest.mark.parametrize(
    ("moved", "reason", "message"),
    [
        (True, None, "became"),
        (True, " ", "give the reason"),
        (False, " ", "give the reason"),
        (False, "rewound", "unnecessary"),
    ],
)
def test_a_move_without_a_reason_or_a_reason_without_a_move_fails(
    moved: bool, reason: str | None, message: str
) -> None:
    contract = PrefixContract()
    for text in ("One", "Uno" if moved else "One"):
        body = json.dumps({"messages": [user(text)]}).encode()
        contract.observe(MAIN, WireRequest("/chat/completions", body))

    with pytest.raises(BrokenContract, match=message):
        contract.check(reason)


TESTS = """
import json
import pytest
from tests.parts.prefix_contract import observe
from anyclaude.dialects import WireRequest

def ask(text):
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    observe("session//", WireRequest("/", body))

@pytest.fixture(scope="module")
def played():
    ask("One")
    ask("Uno")

def test_set_up_moves(played):
    pass

def test_keeps(played):
    ask("One")
    ask("One, two")

def test_moves():
    ask("One")
    ask("Uno")

@pytest.mark.moves_prefix(reason="it is rewound")
def test_moves_for_a_reason():
    ask("One")
    ask("Uno")

@pytest.mark.moves_prefix(reason="")
def test_moves_for_an_empty_reason():
    ask("One")
    ask("Uno")

@pytest.mark.moves_prefix
def test_moves_for_no_reason():
    ask("One")
    ask("Uno")

@pytest.mark.moves_prefix(reason="it was rewound once")
def test_keeps_and_is_excused():
    ask("One")
"""


def test_the_plugin_fails_the_tests_that_break_the_contract(tmp_path: Path) -> None:
    (tmp_path / "test_prompts.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.parts.prefix_contract",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rA",
    )

    ran = subprocess.run((*command, "--rootdir", tmp_path, tmp_path), cwd=ROOT, capture_output=True, text=True)

    outcomes = re.findall(r"^(PASSED|FAILED) \S*::(\w+)", ran.stdout, re.MULTILINE)
    assert sorted(f"{outcome} {name}" for outcome, name in outcomes) == [
        "FAILED test_keeps_and_is_excused",
        "FAILED test_moves",
        "FAILED test_moves_for_an_empty_reason",
        "FAILED test_moves_for_no_reason",
        "FAILED test_set_up_moves",
        "PASSED test_keeps",
        "PASSED test_moves_for_a_reason",
    ]
