"""The table of commands."""

from importlib import import_module

import pytest

from anyclaude.cli.commands import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_is_a_module_with_a_function_run(command: Command) -> None:
    assert callable(import_module(command.module).run)


def test_names_words_and_switches_are_unique_and_one_command_is_the_default() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert len({(command.words, command.switch) for command in COMMANDS}) == len(COMMANDS)
    assert [command.name for command in COMMANDS if command.is_default] == ["start"]
