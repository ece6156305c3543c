"""What a run of the task has achieved, by its files and the client's events."""

from pathlib import Path

import pytest
from benchmarks.fix_task.outcome import FILES, TEST, Ending, first_prompt_tokens, outcome

from anyclaude.protocol.json_values import JsonObject

FIXED = FILES["calc.py"].replace("a - b", "a + b")
USAGE: JsonObject = {"input_tokens": 100, "cache_read_input_tokens": 4_000, "output_tokens": 5}


def assistant(number: int) -> JsonObject:
    """Return the client's event for one block of the model's message `number`."""
    message: JsonObject = {"id": f"msg_{number}", "content": [{"type": "tool_use", "name": "Read"}], "usage": USAGE}
    return {"type": "assistant", "message": message}


def result_of_a_call(**fields: bool) -> JsonObject:
    """Return the client's event for a call that it has executed."""
    return {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", **fields}]}}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with the files of the task."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_task_is_done_when_the_unchanged_test_passes(tree: Path) -> None:
    (tree / "calc.py").write_text(FIXED)

    events = [assistant(1), assistant(1), result_of_a_call(), assistant(2)]

    done = outcome(tree, Ending(0, 12.0, events, prompt_tokens=4_100))

    assert done.succeeded
    assert (done.turns, done.calls, done.failed_calls, done.prompt_tokens, done.seconds) == (2, 1, 0, 4_100, 12.0)


def test_a_test_that_was_changed_does_not_count(tree: Path) -> None:
    (tree / "calc.py").write_text(FIXED)
    (tree / TEST).write_text("pass\n")

    assert outcome(tree, Ending(0, 1.0, [])).reason == "changed the test"


def test_the_bug_fails_the_test(tree: Path) -> None:
    assert outcome(tree, Ending(0, 1.0, [])).reason == "called no tool"
    assert outcome(tree, Ending(0, 1.0, [result_of_a_call()])).reason == "called tools, calc.py is unchanged"


def test_a_change_that_does_not_fix_the_bug_is_named(tree: Path) -> None:
    (tree / "calc.py").write_text("def add(a, b): return a * b")

    assert outcome(tree, Ending(0, 1.0, [])).reason == "changed calc.py, not to the better"


def test_a_limit_is_named_beside_what_was_done(tree: Path) -> None:
    limited: JsonObject = {"type": "result", "subtype": "error_max_turns", "is_error": True}

    assert outcome(tree, Ending(None, 240.0, [])).reason == "called no tool (time limit)"
    assert outcome(tree, Ending(1, 9.0, [limited])).reason == "called no tool (turn limit)"


def test_a_loop_that_the_gateway_ended_is_named(tree: Path) -> None:
    ended: JsonObject = {"type": "result", "result": "anyclaude ended this turn: the model has made the same call"}

    reason = outcome(tree, Ending(0, 9.0, [result_of_a_call(), ended])).reason

    assert reason == "called tools, calc.py is unchanged (a loop that anyclaude ended)"


def test_the_first_prompt_has_its_cached_tokens_too() -> None:
    assert first_prompt_tokens([assistant(1)]) == 4_100
    assert first_prompt_tokens([]) == 0


def test_an_error_of_the_client_is_the_reason(tree: Path) -> None:
    failed: JsonObject = {"type": "result", "is_error": True, "result": "API Error: 400 too long"}

    assert outcome(tree, Ending(1, 2.0, [failed])).reason == "the client reported: API Error: 400 too long"


def test_a_program_that_does_not_end_fails_the_test(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fix_task.outcome.TEST_SECONDS", 0.2)
    (tree / "calc.py").write_text("while True: pass")

    assert outcome(tree, Ending(0, 1.0, [])).reason == "changed calc.py, not to the better"


def test_failed_calls_are_counted(tree: Path) -> None:
    assert outcome(tree, Ending(0, 1.0, [result_of_a_call(is_error=True), result_of_a_call()])).failed_calls == 1
