"""Read a thought while it arrives."""

import re

from anyclaude.protocol.deltas import ThinkingDelta

from .code_span import BACKTICKS, read_code_span
from .forms import CALL_TOKENS
from .harmony import STARTS
from .output import Output
from .source import MAX_SPACE, SPACE, Literals, Reading, Source

_PLAIN = re.compile(r"[^<\[◁`\s]*")


class Thought:
    """
    Reads one thought, up to one of `ends`.

    In code, an end does not count.  In a fenced block that does not mention it, it counts on a line of its own: models
    leave blocks open.  A token that announces a call ends a thought too (Kimi K2, vLLM `vllm/reasoning`).
    """

    def __init__(self, source: Source, output: Output, ends: tuple[str, ...]) -> None:
        self._source = source
        self._output = output
        self._ends = Literals(ends)
        self._space = ""
        self._fence = ""
        self._is_mentioned = False
        self._has_begun = False
        self._begins_line = True

    def read(self) -> Reading[None]:
        """Deliver the thought as it arrives, without the white space around it."""
        source = self._source
        while True:
            self._emit(source.available(_PLAIN))
            character = yield from source.peek()
            if not character:
                return
            if character.isspace():
                self._add_space(source.available(SPACE))
            elif character == "`":
                yield from self._read_code()
            elif (yield from self._read_end()):
                return
            else:
                self._emit(source.advance(1))

    def _read_end(self) -> Reading[bool]:
        source = self._source
        end = yield from source.has_one_of(self._ends)
        if not end:
            return not self._fence and bool((yield from source.has_one_of(CALL_TOKENS)))
        if self._fence and (self._is_mentioned or not self._begins_line):
            self._is_mentioned = True
            return False
        if end not in STARTS:
            source.advance(len(end))
        return True

    def _read_code(self) -> Reading[None]:
        """Read backticks: those that open or close a block, or code in a line up to the backticks that close it."""
        source = self._source
        begins_line = self._begins_line
        run = yield from source.run(BACKTICKS)
        self._emit(run)
        if begins_line and len(run) >= 3:
            self._fence, self._is_mentioned = "" if self._fence else run, False
        elif not self._fence:
            yield from read_code_span(source, run, self._emit)

    def _add_space(self, space: str) -> None:
        """Hold back white space, which may be the last of the thought, unless it does not seem to end."""
        self._space += space
        self._begins_line = self._begins_line or "\n" in space
        while len(self._space) >= MAX_SPACE:
            self._output.text(self._space[:MAX_SPACE], ThinkingDelta)
            self._space = self._space[MAX_SPACE:]
            self._has_begun = True

    def _emit(self, text: str) -> None:
        if text:
            self._output.text(self._space + text if self._has_begun else text, ThinkingDelta)
            self._space = ""
            self._has_begun = True
            self._begins_line = False
