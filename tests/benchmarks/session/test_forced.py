"""What is delivered of a reply while the engine writes it."""

import itertools
from pathlib import Path

import pytest
from benchmarks.session.forced import ForcedReply
from benchmarks.session.script import STOCK, whole_session
from tests.parts.chat_reply import call

from anyclaude.protocol.deltas import TextDelta, ToolCallDelta

TURN = whole_session(Path("/project")).turns[1]
ARGUMENTS = '{"file_path": "/project/stock.py"}'
WRITTEN = f'{TURN.text}\n<tool_call>\n{{"name": "Read", "arguments": {ARGUMENTS}}}\n</tool_call>'


@pytest.mark.parametrize("tokens", [1, 7, 40])
def test_all_of_a_reply_is_delivered_once_and_nothing_around_it(tokens: int) -> None:
    reply = ForcedReply(TURN, WRITTEN, ARGUMENTS, tuple(range(tokens)))
    places = [reply.place_of(count) for count in range(tokens + 2)]  # one more ends the reply

    deltas = [delta for start, end in itertools.pairwise(places) for delta in reply.deltas(start, end)]

    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == TURN.text
    assert "".join(delta.arguments for delta in deltas if isinstance(delta, ToolCallDelta)) == ARGUMENTS


def test_the_grammar_admits_the_tokens_one_by_one() -> None:
    assert ForcedReply(TURN, WRITTEN, ARGUMENTS, (5, 17)).grammar == "root ::= <[5]> <[17]>"


def test_a_session_changes_each_name_where_it_stands_alone() -> None:
    session = whole_session(Path("/project"))

    assert "def total_value(entries):" in session.files["stock.py"]
    assert "    result += item" in session.files["stock.py"]
    assert [turn.kind for turn in session.turns].count("rewrite") == 2
    assert call("Write", file_path="/project/stock.py", content=session.files["stock.py"]) in [
        turn.call for turn in session.turns
    ]
    assert session.files["stock.py"].count("\n") == STOCK.count("\n")
