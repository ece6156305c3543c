"""`anyclaude --version`."""

from importlib.metadata import version

from tests.parts.command import Command


async def test_the_version_is_that_of_the_installed_package(command: Command) -> None:
    assert await command.ran("--version") == (0, f"anyclaude {version('anyclaude')}\n", "")
