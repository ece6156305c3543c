"""Read a thought while it arrives."""

import re

from anyclaude.protocol.deltas import ThinkingDelta

from .code_span import BACKTICKS, read_code_span
from .forms import CALL_TOKENS, OPENINGS, THOUGHT_ENDS, THOUGHT_MARKS, THOUGHT_TAGS, TURN_ENDS
from .harmony import STARTS
from .output import Output
from .source import MAX_SPACE, SPACE, Literals, Reading, Source

_PLAIN = re.compile(r"[^<\[◁`\s]*")
_OPENING_QUOTE = re.compile(r"""(?<![A-Za-z0-9.,!?…。！？)])["']\Z|[“\u2018«„「『]\Z""")
_CLOSING_QUOTES = {'"': '"', "'": "'", "“": "”", "\u2018": "\u2019", "«": "»", "„": "“", "「": "」", "『": "』"}
_SENTENCE_ENDS = frozenset(".!?…。！？")
_WORD = re.compile(r"[A-Za-z0-9]\Z")


class Thought:
    """
    Reads one thought, up to one of `ends`.

    In code and directly between quotation marks, an end does not count.  In a fenced block that does not mention it, it
    counts on a line of its own: models leave blocks open.  A token that announces a call ends a thought too (Kimi K2,
    vLLM `vllm/reasoning`).

    A thought in tags also ends at the end tag of another form, where that is not mentioned: small models mix them up.
    """

    def __init__(self, source: Source, output: Output, ends: tuple[str, ...]) -> None:
        self._source = source
        self._output = output
        self._ends = Literals(ends)
        self._is_in_tags = set(ends) <= set(THOUGHT_ENDS.all)
        self._ends_of_opened: set[str] = set()
        self._space = ""
        self._fence = ""
        self._is_mentioned = False
        self._has_begun = False
        self._begins_line = True
        self._last_two = ""

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
            elif (yield from self._read_end()) or (yield from self._read_end_of_turn()):
                return
            elif self._has_begun or not (yield from self._read_opening()):
                self._emit(source.advance(1))

    def _read_opening(self) -> Reading[bool]:
        """Read the opening tag if it is written twice."""
        opening = yield from self._source.has_one_of(THOUGHT_MARKS)
        if THOUGHT_TAGS.get(opening) not in self._ends.all:
            return False
        self._source.advance(len(opening))
        return True

    def _read_end(self) -> Reading[bool]:
        source = self._source
        end = yield from source.has_one_of(self._ends)
        if not end and self._is_in_tags:
            end = yield from self._other_end()
        if not end:
            return not self._fence and bool((yield from source.has_one_of(CALL_TOKENS)))
        if self._fence and (self._is_mentioned or not self._begins_line):
            self._is_mentioned = True
            return False
        if (yield from self._is_quoted(end)):
            return False
        if end not in STARTS:
            source.advance(len(end))
        return True

    def _is_quoted(self, end: str) -> Reading[bool]:
        opening = _OPENING_QUOTE.search(self._last_two)
        return opening is not None and (yield from self._source.has(end + _CLOSING_QUOTES[opening[0]]))

    def _other_end(self) -> Reading[str]:
        """Return the end tag of another form, unless it is mentioned or belongs to an opening tag in the thought."""
        source = self._source
        tag = yield from source.has_one_of(THOUGHT_MARKS)
        if tag in THOUGHT_TAGS:
            self._ends_of_opened.add(THOUGHT_TAGS[tag])
        elif tag in self._ends_of_opened:
            self._ends_of_opened.discard(tag)
        elif tag and not self._fence and (self._begins_line or (yield from self._ends_text(tag))):
            return tag
        return ""

    def _ends_text(self, tag: str) -> Reading[bool]:
        """Return whether what stands around a tag within a line shows that a text ends there and another begins."""
        if self._last_two[-1:] in _SENTENCE_ENDS:
            return True
        source = self._source
        source.mark()
        source.advance(len(tag))
        follows = yield from source.peek()
        is_end = follows in ("", "\n", "\r") or bool((yield from source.has_one_of(OPENINGS)))
        source.rewind()
        return is_end or bool(_WORD.search(self._last_two) and _WORD.match(follows))

    def _read_end_of_turn(self) -> Reading[bool]:
        """Read the ends of turns that end the reply."""
        source = self._source
        if not (yield from source.has_one_of(TURN_ENDS)):
            return False
        source.mark()
        start = source.position
        while source.position - start < MAX_SPACE:
            character = yield from source.peek()
            if not character:
                source.release()
                return True
            token = character if character.isspace() else (yield from source.has_one_of(TURN_ENDS))
            if not token:
                break
            source.advance(len(token))
        source.rewind()
        return False

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
        self._last_two = space[-1]
        self._begins_line = self._begins_line or "\n" in space
        surplus = len(self._space) - len(self._space) % MAX_SPACE
        if surplus:
            self._output.text(self._space[:surplus], ThinkingDelta)
            self._space = self._space[surplus:]
            self._has_begun = True

    def _emit(self, text: str) -> None:
        if text:
            self._output.text(self._space + text if self._has_begun else text, ThinkingDelta)
            self._space = ""
            self._has_begun = True
            self._begins_line = False
            self._last_two = (self._last_two + text[-2:])[-2:]
