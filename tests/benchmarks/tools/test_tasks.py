"""The tasks: what counts as a right call, and what does not."""

import itertools

import pytest
from benchmarks.tools.replies import is_schema_valid
from benchmarks.tools.tasks import TASKS, TOOL_SETS, TOOLS, Call, Like, Task, chosen

RIGHT = [pytest.param(task, call, id=f"{call.tool}-{task.prompt}") for task in TASKS for call in task.right]


def test_there_are_sixty_different_tasks_with_six_to_twelve_tools() -> None:
    assert len({task.prompt for task in TASKS}) == 60
    assert all(6 <= len(task.tools) <= 12 for task in TASKS)


def test_every_tool_is_expected_by_a_task() -> None:
    assert {task.right[0].tool for task in TASKS} == set(TOOLS)


@pytest.mark.parametrize(("task", "call"), RIGHT)
def test_a_right_call_is_offered_and_fits_its_schema(task: Task, call: Call) -> None:
    assert call.tool in task.tools
    assert is_schema_valid(call.example)
    assert task.is_right(call.example)


@pytest.mark.parametrize(("task", "call"), RIGHT)
def test_a_right_call_without_one_of_its_arguments_or_with_a_number_for_it_is_wrong(task: Task, call: Call) -> None:
    right = dict(call.example.arguments)
    for name in right:
        without = {key: value for key, value in right.items() if key != name}

        assert not task.is_right(Call(call.tool, without))
        assert not task.is_right(Call(call.tool, {**right, name: 12_345}))


def test_the_call_that_is_right_for_one_task_is_wrong_for_every_other() -> None:
    for one, other in itertools.permutations(TASKS, 2):
        assert not any(other.is_right(call.example) for call in one.right), (one.prompt, other.prompt)


def test_arguments_that_the_task_does_not_name_may_have_any_value() -> None:
    task = Task("files", "Run the tests.", [Call("Bash", {"command": Like("pytest", "pytest.*")})])

    assert task.is_right(Call("Bash", {"command": "pytest -q", "description": "Run all tests"}))
    assert not task.is_right(Call("Bash", {"command": "make test", "description": "pytest"}))


def test_a_truth_value_is_not_a_number() -> None:
    assert not Call("Read", {"limit": 1}).admits(Call("Read", {"limit": True}))


def test_a_short_run_has_tasks_of_every_set() -> None:
    assert [task.tool_set for task in chosen(6)] == ["files", "files", "web", "web", "all", "all"]
    assert chosen(60) == list(TASKS)
    assert set(TOOL_SETS) == {task.tool_set for task in TASKS}
