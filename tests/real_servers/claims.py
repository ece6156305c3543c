"""What the tests of this folder show: the marks `capability(server, name, how)`, taken from their collection."""

from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import pytest

from .capabilities import CAPABILITIES, CapabilityName
from .servers import SERVERS

How: TypeAlias = Literal["real", "scripted"]
Claims: TypeAlias = dict[tuple[str, CapabilityName], set[How]]


class _Collector:
    """A plugin of pytest that keeps the marks of every collected test."""

    def __init__(self) -> None:
        self.claims: Claims = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks, when all the tests are known."""
        for mark in (mark for item in session.items for mark in item.iter_markers("capability")):
            server, name, how = mark.args
            if name not in CAPABILITIES or how not in get_args(How):
                raise pytest.UsageError(f"capability{mark.args} is not a cell of the matrix")
            self.claims.setdefault((server, name), set()).add(how)


def collected_claims() -> Claims:
    """Return what the tests show; pytest collects them, in this process, and runs none."""
    collector = _Collector()
    with redirect_stdout(StringIO()) as output:
        status = pytest.main(["--collect-only", str(Path(__file__).parent)], plugins=[collector])
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"pytest could not collect the tests: {output.getvalue()}")
    return collector.claims


def contradictions(claims: Iterable[tuple[str, CapabilityName]]) -> list[tuple[str, CapabilityName]]:
    """Return the cells that a test shows and the table of servers calls impossible."""
    excused = {(server.name, name) for server in SERVERS for name in server.cannot}
    return sorted(excused.intersection(claims))
