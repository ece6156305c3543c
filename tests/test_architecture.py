"""
What must hold between the parts; which way they may import each other is held by import-linter.

A module without tests of its own stands in `UNTESTED`, where it can be seen.  The list may only
shrink: an entry that has its tests, or that is gone, fails.
"""

import pkgutil
from pathlib import Path

import anyclaude

TESTS = Path(__file__).parent

NOTHING_TO_TEST: dict[str, str] = {
    "anyclaude.__main__": "starts the command line",
    "anyclaude.backends.base": "types alone",
    "anyclaude.claude_code": "facts alone",
    "anyclaude.dialects.base": "types alone",
    "anyclaude.engine.__main__": "starts the engine in a process of its own",
    "anyclaude.engine.handshake": "types alone",
    "anyclaude.engine.options": "types alone",
    "anyclaude.protocol.deltas": "types alone",
    "anyclaude.exchange.record": "types alone",
    "anyclaude.server.limits": "types alone",
    "anyclaude.settings.__main__": "writes the page that the tests of settings.reference compare",
    "anyclaude.settings.values": "types alone; the tests of settings.table compare them with the table",
    "anyclaude.timeouts": "types alone",
    "anyclaude.transforms.boilerplate": "a catalogue, tried by the tests of system_sections",
}
"""Modules without a rule of their own to state, and why."""

UNTESTED: frozenset[str] = frozenset(
    {
        "anyclaude.dialects.openai_chat.dropped_fields",
        "anyclaude.engine.progress",
        "anyclaude.launcher.launch",
        "anyclaude.launcher.signals",
        "anyclaude.launcher.tied_to_parent",
    }
)
"""Modules whose tests, if they have any, stand elsewhere."""


def modules() -> list[str]:
    """Return every module that holds code; a package's own file introduces and re-exports."""
    found = pkgutil.walk_packages(anyclaude.__path__, "anyclaude.")
    return [module.name for module in found if not module.ispkg]


def home_of_tests(module: str) -> Path:
    """Return where a module's tests stand: the same path, the same name; profiles are data, tested by their table."""
    *folders, name = module.split(".")[1:]
    own = TESTS.joinpath(*folders, f"test_{name}.py")
    return TESTS / "profiles" / "test_table.py" if folders == ["profiles"] and not own.exists() else own


def test_every_module_has_a_test_file_of_its_name() -> None:
    untested = {module for module in modules() if not home_of_tests(module).exists()}

    assert untested - NOTHING_TO_TEST.keys() - UNTESTED == set()


def test_no_module_is_excused_that_has_its_tests_or_is_gone() -> None:
    untested = {module for module in modules() if not home_of_tests(module).exists()}

    assert (NOTHING_TO_TEST.keys() | UNTESTED) - untested == set()
