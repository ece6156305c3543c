"""
Rules for all modules; the directions in which they may import each other are checked by import-linter.

Exceptions are listed: modules without their own tests in `UNTESTED`, packages with undocumented errors
in `UNDOCUMENTED`.  The lists may only shrink: an entry that is no longer needed fails.
"""

import ast
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import anyclaude

TESTS = Path(__file__).parent
SOURCE = Path(anyclaude.__path__[0])

NOTHING_TO_TEST: dict[str, str] = {
    "anyclaude.__main__": "starts the command line",
    "anyclaude.backends.base": "types only",
    "anyclaude.bounds": "numbers alone",
    "anyclaude.claude_code": "facts only",
    "anyclaude.dialects.base": "types only",
    "anyclaude.dialects.openai_chat.wire": "types only",
    "anyclaude.diet": "types only",
    "anyclaude.engine.__main__": "starts the engine in a separate process",
    "anyclaude.engine.handshake": "types only",
    "anyclaude.engine.options": "types only",
    "anyclaude.exchange_record": "types only",
    "anyclaude.filters.written.form": "types only",
    "anyclaude.launcher.run": "types alone",
    "anyclaude.exchange.clock": "types only",
    "anyclaude.server.composition": "puts the gateway together, which all tests of the server run",
    "anyclaude.server.options": "types only",
    "anyclaude.server.services": "types only",
    "anyclaude.reading.__main__": "the process that the tests of reading.reader start",
    "anyclaude.settings.__main__": "writes the page that the tests of settings.reference compare",
    "anyclaude.settings.values": "types only; the tests of settings.table compare them with the table",
    "anyclaude.timeouts": "types only",
    "anyclaude.tool_calls": "types only",
    "anyclaude.web.access": "types only",
    "anyclaude.web.options": "types only",
    "anyclaude.transforms.boilerplate": "a list, covered by the tests of system_sections",
}
"""Modules without behaviour to test, and the reason."""

UNTESTED: frozenset[str] = frozenset(
    {
        "anyclaude.dialects.openai_chat.dropped_fields",
        "anyclaude.launcher.tied_to_parent",
    }
)
"""Modules whose tests, if they have any, are in another file."""


def modules() -> list[str]:
    """Return every module that contains code; a package's `__init__` only documents and re-exports."""
    found = pkgutil.walk_packages(anyclaude.__path__, "anyclaude.")
    return [module.name for module in found if not module.ispkg]


def home_of_tests(module: str) -> Path:
    """Return the file of a module's tests: the same path, the same name; profiles are data, tested by their table."""
    *folders, name = module.split(".")[1:]
    own = TESTS.joinpath(*folders, f"test_{name}.py")
    return TESTS / "profiles" / "test_table.py" if folders == ["profiles"] and not own.exists() else own


def test_every_module_has_a_test_file_of_its_name() -> None:
    untested = {module for module in modules() if not home_of_tests(module).exists()}

    assert untested - NOTHING_TO_TEST.keys() - UNTESTED == set()


def test_every_excepted_module_exists_and_has_no_test_file() -> None:
    untested = {module for module in modules() if not home_of_tests(module).exists()}

    assert (NOTHING_TO_TEST.keys() | UNTESTED) - untested == set()


Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

RAISES_ENTRY = re.compile(r"^ {4}(\w+):", re.MULTILINE)


def public_functions() -> Iterator[tuple[Path, Function]]:
    """Yield every function and method whose name has no leading underscore, with its file."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield path.relative_to(SOURCE), node


def raised_by(function: Function) -> set[str]:
    """Return the names of the classes in `raise Name(...)`; raising a variable, or again, is exempt."""
    return {
        node.exc.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id[0].isupper()
    }


def documented_by(function: Function) -> set[str]:
    """Return the names in the `Raises:` section of the docstring, which is its last section."""
    section = (ast.get_docstring(function) or "").partition("Raises:\n")[2]
    return set(RAISES_ENTRY.findall(section))


def test_every_public_function_documents_the_errors_that_it_raises() -> None:
    undocumented = {
        f"{path.as_posix()}:{function.lineno} {function.name}"
        for path, function in public_functions()
        if raised_by(function) - documented_by(function)
    }

    assert undocumented == set()
