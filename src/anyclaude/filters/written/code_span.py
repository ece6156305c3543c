"""Read code between backticks, within a line."""

import re
from collections.abc import Callable

from .source import Reading, Source

BACKTICKS = re.compile("`*")
_IN_CODE = re.compile(r"[^`\n]*")


def read_code_span(source: Source, opening: str, emit: Callable[[str], None]) -> Reading[None]:
    """Pass on code after its `opening` backticks, up to as many that close it, or to the end of the line."""
    while True:
        emit(source.available(_IN_CODE))
        if source.is_empty and not source.is_ended:
            yield
            continue
        if (yield from source.peek()) != "`":
            return
        closing = yield from source.run(BACKTICKS)
        emit(closing)
        if closing == opening:
            return
