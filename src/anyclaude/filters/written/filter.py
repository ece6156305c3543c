"""
The filter that reads what a model wrote into its text: thoughts become thinking, and calls become tool calls.

Text is passed on as it arrives.  Held back is only what may still be a call, or the end of a thought: from an opening
up to the character that decides.  Markdown is followed as far as needed, because code and quotations show calls
without meaning them.
"""

import re
from collections.abc import Sequence

from anyclaude.filters.base import FilterContext
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, ToolCallDelta

from .calls import FoundCall, NotACall, OfferedCalls
from .forms import (
    END_TOKENS,
    FORM_BY_OPENING,
    HARMONY_ENDS,
    TAG_OPENINGS,
    THOUGHT_TAGS,
    WORD_OPENINGS,
    Form,
    Found,
)
from .loose_json import read_bare_calls, read_fenced_calls
from .source import BLANKS, SPACE, Reading, Source

MAX_CALL_CHARACTERS = 1_000_000
"""The longest text held back as a call: twice the 128,000 tokens that the client requests at most."""

REREAD_FACTOR = 8
"""How often on average a character may be read again because what seemed a call was none; then it is passed on."""

FIRST_SLOT = 1_000_000
"""The slots of written calls; a server numbers its own from 0."""

CUT: frozenset[StopReason] = frozenset({"max_tokens", "model_context_window_exceeded"})

_TEXT = re.compile(r"[^<\[◁`\n]*")
_INTERESTING = re.compile(r"[<\[◁`\n]")
_THOUGHT = re.compile(r"[^<\[◁`\s]*")
_BACKTICKS, _TILDES, _REST_OF_LINE = re.compile("`*"), re.compile("~*"), re.compile(r"[^\n]*")
_IN_CODE = re.compile(r"[^`\n]*")
_QUOTATION_MARKS = frozenset("\"'“«(\\/")
"""Before an opening tag, they show that it is mentioned."""

_EXAMPLE = re.compile(r"\b(?:examples?|e\.g\.|for instance|looks? like|such as|would look)\b.*:\W*$", re.IGNORECASE)
"""A sentence that introduces an example."""

_LINE_CHARACTERS = 400
"""How much of a line is kept to judge what follows."""


def written_replies(context: FilterContext) -> "WrittenReplies":
    """Return the filter for one reply; thoughts are read also if no tool was offered."""
    return WrittenReplies(context)


class WrittenReplies:
    """Reads the text of one reply."""

    def __init__(self, context: FilterContext) -> None:
        self._output = _Output()
        self._context = context
        self._reader: _Reader | None = None
        self._offered = OfferedCalls(context.tools, context.note)
        self._may_open_in_thought = context.profile.opens_thinking

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered so far."""
        for delta in deltas:
            if type(delta) is TextDelta:
                self._read(delta)
            else:
                self._pass(delta)
        return self._output.take()

    def finish(self) -> list[Delta]:
        """Return the deltas that are still held back."""
        self._end(was_cut=False)
        return self._output.take()

    def _read(self, delta: TextDelta) -> None:
        if self._reader is None:
            self._reader = _Reader(
                self._offered,
                self._output,
                opens_in_thought=self._may_open_in_thought,
                is_forced=self._context.is_call_forced,
            )
        self._reader.add(delta.text)

    def _pass(self, delta: Delta) -> None:
        """Pass on what the server has decoded itself; a thought or a call of its own ends the text before it."""
        match delta:
            case Finished(reason):
                self._end(was_cut=reason in CUT)
            case ThinkingDelta():
                self._end(was_cut=False)
                self._may_open_in_thought = False
            case ToolCallDelta():
                self._end(was_cut=False)
            case _:
                pass
        self._output.add(delta)

    def _end(self, *, was_cut: bool) -> None:
        if self._reader is not None:
            self._reader.end(was_cut=was_cut)
            self._reader = None
            self._may_open_in_thought = False


class _Output:
    """The deltas to deliver; adjacent pieces of text or of a thought become one."""

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._kind: type[TextDelta] | type[ThinkingDelta] = TextDelta
        self._pieces: list[str] = []
        self._slot = FIRST_SLOT - 1
        self.has_content = False
        """Whether anything but white space was delivered."""

    def text(self, text: str, kind: type[TextDelta] | type[ThinkingDelta] = TextDelta) -> None:
        """Deliver text, or a piece of a thought."""
        if not text:
            return
        if kind is not self._kind:
            self._join()
            self._kind = kind
        self._pieces.append(text)

    def call(self, found: FoundCall, written: str) -> None:
        """Deliver a call, and the model's text of it."""
        self._slot += 1
        self.add(ToolCallDelta(self._slot, found.call.name, found.call.arguments, written))

    def after_call(self, written: str) -> None:
        """Deliver more of the model's text of the last call."""
        if written:
            self.add(ToolCallDelta(self._slot, written=written))

    def add(self, delta: Delta) -> None:
        """Deliver any delta."""
        self._join()
        self._deltas.append(delta)

    def take(self) -> list[Delta]:
        """Return the deltas, and forget them."""
        self._join()
        deltas, self._deltas = self._deltas, []
        return deltas

    def _join(self) -> None:
        if self._pieces:
            self._deltas.append(self._kind("".join(self._pieces)))
            self._pieces.clear()


class _Reader:
    """Reads one run of text, from the beginning of a line."""

    def __init__(self, offered: OfferedCalls, output: _Output, *, opens_in_thought: bool, is_forced: bool) -> None:
        self._offered = offered
        self._output = output
        self._source = Source()
        self._is_forced = is_forced
        self._opens_in_thought = opens_in_thought
        self._space = ""  # at the beginning, until something follows
        self._line: list[str] = []
        self._line_length = 0
        self._line_before = ""
        self._is_after_blank = True
        self._is_first_line = True
        self._fence = ""
        self._is_in_data = False
        self._is_harmony = False
        self._candidate_at: int | None = None
        self._reread = 0
        self._is_in_plain_text = False
        self._reading = self._read()
        next(self._reading)

    def add(self, text: str) -> None:
        """Read text that has arrived, as far as it decides."""
        if self._is_in_plain_text and not _INTERESTING.search(text):
            self._emit(text)
            return
        self._source.add(text)
        self._resume()
        if self._candidate_at is not None and self._source.position - self._candidate_at > MAX_CALL_CHARACTERS:
            self._reading.throw(NotACall("it is too long"))

    def end(self, *, was_cut: bool) -> None:
        """Read the rest."""
        self._source.end(was_cut=was_cut)
        self._resume()

    def _resume(self) -> None:
        self._is_in_plain_text = False
        next(self._reading, None)

    # the text, line by line

    def _read(self) -> Reading[None]:
        source = self._source
        if self._opens_in_thought:
            yield from self._read_opened_thought()
        self._space = yield from source.run(SPACE)
        self._line_before = ""
        while (yield from source.peek()):
            yield from self._read_line()
        self._emit("")

    def _read_line(self) -> Reading[None]:
        """Read a line, or its beginning up to the end of a call."""
        source = self._source
        indent = yield from source.run(BLANKS)
        is_code = self._is_after_blank and not self._is_first_line and (len(indent) >= 4 or "\t" in indent)
        self._emit(indent)
        character = yield from source.peek()
        if self._fence:
            yield from self._read_fenced_line(character)
            return
        if character and character in "`~" and (yield from source.has(character * 3)):
            yield from self._open_fence(character)
            return
        is_quoted = character == ">" or is_code
        if not is_quoted and character and (yield from self._read_loose_call(character, indent)):
            return
        yield from self._read_rest(is_quoted=is_quoted)

    def _read_loose_call(self, character: str, indent: str) -> Reading[bool]:
        """Read a call that begins the line without a tag, and return whether there was one."""
        source = self._source
        if not self._offered or self._is_in_data:
            return False
        if character in "AF" or character == "f":
            opening = yield from source.has_one_of(WORD_OPENINGS)
            return bool(opening) and (yield from self._read_form(FORM_BY_OPENING[opening], opening))
        if character not in "{[" or (yield from source.has_one_of(TAG_OPENINGS)) or len(indent) >= 4:
            return False
        if self._is_example():
            self._is_in_data = True
            return False
        reading = read_bare_calls(source, self._offered, is_forced=self._is_forced)
        is_call = yield from self._try(reading, "bare JSON", keep=1)
        self._is_in_data = not is_call
        return is_call

    def _read_rest(self, *, is_quoted: bool) -> Reading[None]:
        """Read up to the end of the line, or of a call or thought in it."""
        source = self._source
        while True:
            self._emit(source.available(_TEXT))
            if source.is_empty:
                if source.is_ended:
                    return
                self._is_in_plain_text = True
                yield
                continue
            character = yield from source.peek()
            if character == "\n":
                self._end_line()
                return
            if character == "`":
                yield from self._read_inline_code()
            elif is_quoted:
                self._emit(source.advance(1))
            else:
                opening = yield from source.has_one_of(TAG_OPENINGS)
                if not opening:
                    self._emit(source.advance(1))
                elif (yield from self._read_form(FORM_BY_OPENING[opening], opening)):
                    return

    def _end_line(self) -> None:
        line = "".join(self._line)
        self._emit(self._source.advance(1))
        is_blank = not line.strip()
        if is_blank:
            self._is_in_data = False
        else:
            self._line_before = line[-_LINE_CHARACTERS:]
        self._is_after_blank = is_blank or (self._is_after_blank and line.startswith(("    ", "\t")))
        self._is_first_line = False
        self._line.clear()
        self._line_length = 0

    # code

    def _open_fence(self, character: str) -> Reading[None]:
        """Read the opening of a fenced block, or the whole block if it consists of calls."""
        source = self._source
        pattern = _BACKTICKS if character == "`" else _TILDES
        source.mark()
        fence = yield from source.run(pattern)
        source.rewind()
        if self._offered and not self._is_example():
            reading = read_fenced_calls(source, self._offered, fence)
            if (yield from self._try(reading, "fenced JSON", opening=fence, keep=len(fence))):
                return
        else:
            self._emit(source.advance(len(fence)))
        self._fence = fence
        yield from self._read_code_line()

    def _read_fenced_line(self, character: str) -> Reading[None]:
        """Read a line inside a fenced block, which may close it."""
        if character and character == self._fence[0]:
            run = yield from self._source.run(_BACKTICKS if character == "`" else _TILDES)
            self._emit(run)
            if len(run) >= len(self._fence):
                self._fence = ""
        yield from self._read_code_line()

    def _read_code_line(self) -> Reading[None]:
        """Read the rest of a line of code."""
        source = self._source
        while True:
            self._emit(source.available(_REST_OF_LINE))
            if not source.is_empty:
                self._end_line()
                return
            if source.is_ended:
                return
            yield

    def _read_inline_code(self) -> Reading[None]:
        """Read code between backticks; one that is not closed ends with the line."""
        source = self._source
        opening = yield from source.run(_BACKTICKS)
        self._emit(opening)
        while True:
            self._emit(source.available(_IN_CODE))
            if source.is_empty and not source.is_ended:
                yield
                continue
            if (yield from source.peek()) != "`":
                return
            run = yield from source.run(_BACKTICKS)
            self._emit(run)
            if run == opening:
                return

    # calls

    def _read_form(self, form: Form, opening: str) -> Reading[bool]:
        """Read a call or the beginning of a thought after its opening, and return whether it was one."""
        source = self._source
        if not self._is_allowed(form, opening):
            self._emit(source.advance(len(opening)))
            return False
        reading = self._read_alone(form, opening)
        return (yield from self._try(reading, form.name, opening=opening, keep=len(opening)))

    def _is_allowed(self, form: Form, opening: str) -> bool:
        """Return whether the form counts here."""
        if form.name == "harmony":
            return self._is_harmony or opening not in HARMONY_ENDS or opening in ("<|channel|>", "<|start|>")
        line = "".join(self._line)
        if form.begins_line and line.strip():
            return False
        if form.thought_ends:
            return True
        is_mentioned = not form.is_token and (line[-1:] in _QUOTATION_MARKS or self._is_example())
        return bool(self._offered) and not (line and is_mentioned) and not (not form.is_token and self._is_example())

    def _read_alone(self, form: Form, opening: str) -> Reading[Found]:
        """Read a form; in the middle of a sentence, it is no call."""
        source = self._source
        begins_line = not "".join(self._line).strip()
        before = source.position
        found = yield from form.read(source, self._offered, opening)
        if begins_line or form.is_token or not found.calls or "\n" in source.since_mark():
            return found
        yield from source.run(BLANKS)
        if (yield from source.peek()) not in ("", "\n", "\r", "<", "["):
            raise NotACall(f"the sentence goes on after {source.position - before} characters")
        return found

    def _try(self, reading: Reading[Found], form: str, *, keep: int, opening: str = "") -> Reading[bool]:
        """Read what may be a call; if it is none, pass on its first `keep` characters and read the rest as text."""
        source = self._source
        source.mark()
        self._candidate_at = source.position
        source.advance(len(opening))
        try:
            found = yield from reading
        except NotACall as refusal:
            self._refuse(refusal, form, keep)
            return False
        finally:
            self._candidate_at = None
        yield from self._deliver(found, source.release(), form)
        return True

    def _refuse(self, refusal: NotACall, form: str, keep: int) -> None:
        source = self._source
        if form in _CERTAIN:
            self._offered.note_refusal(refusal, form)
        self._reread += len(source.since_mark())
        if self._reread > REREAD_FACTOR * (source.position + _LINE_CHARACTERS):
            self._emit(source.release())
        else:
            source.rewind()
            self._emit(source.advance(keep))

    def _deliver(self, found: Found, text: str, form: str) -> Reading[None]:
        """Deliver what was read from `text`."""
        self._is_harmony = self._is_harmony or form == "harmony"
        if found.thought_ends:
            yield from self._read_thought(found.thought_ends)
        elif found.calls:
            self._offered.note(found.calls, form)
            parts = _divided(self._space + text, found.calls)
            self._space = ""
            for call, part in zip(found.calls, parts, strict=True):
                self._output.call(call, part)
            yield from self._read_end_of_call()
        self._begin_line()

    def _read_end_of_call(self) -> Reading[None]:
        """Read the white space and the ends of turns that follow a call: they are no text of the reply."""
        source = self._source
        while True:
            self._output.after_call((yield from source.run(SPACE)))
            token = yield from source.has_one_of(END_TOKENS)
            if not token:
                return
            self._output.after_call(source.advance(len(token)))

    def _begin_line(self) -> None:
        self._line.clear()
        self._line_length = 0
        self._line_before = ""
        self._is_after_blank = self._is_first_line = True
        self._is_in_data = False

    def _is_example(self) -> bool:
        line = "".join(self._line)
        return bool(_EXAMPLE.search(line if line.strip() else self._line_before))

    # thoughts

    def _read_opened_thought(self) -> Reading[None]:
        """Read the thought that the prompt has opened; the model may open it again."""
        source = self._source
        yield from source.run(SPACE)
        opening = yield from source.has_one_of(tuple(THOUGHT_TAGS))
        source.advance(len(opening))
        ends = (THOUGHT_TAGS[opening],) if opening else tuple(THOUGHT_TAGS.values())
        yield from self._read_thought(ends)

    def _read_thought(self, ends: tuple[str, ...]) -> Reading[None]:
        """Read a thought up to its end, which does not count in code, and the white space after it."""
        self._space = ""
        yield from _Thought(self._source, self._output, ends).read()
        yield from self._source.run(SPACE)

    def _emit(self, text: str) -> None:
        """Deliver text, and the white space that waited for it."""
        if self._space:
            self._output.text(self._space)
            self._space = ""
        if text:
            self._output.text(text)
            self._line.append(text)
            self._line_length += len(text)
            if self._line_length > 4 * _LINE_CHARACTERS:
                self._line = ["".join(self._line)[-_LINE_CHARACTERS:]]
                self._line_length = _LINE_CHARACTERS


class _Thought:
    """Reads one thought."""

    def __init__(self, source: Source, output: _Output, ends: tuple[str, ...]) -> None:
        self._source = source
        self._output = output
        self._ends = ends
        self._space = ""
        self._fence = ""
        self._has_begun = False
        self._begins_line = True

    def read(self) -> Reading[None]:
        """Deliver the thought as it arrives, without the white space around it."""
        source = self._source
        while True:
            self._emit(source.available(_THOUGHT))
            character = yield from source.peek()
            if not character:
                return
            if character.isspace():
                self._add_space((yield from source.run(SPACE)))
            elif character == "`":
                yield from self._read_code()
            elif (yield from self._read_end()):
                return
            else:
                self._emit(source.advance(1))

    def _read_end(self) -> Reading[bool]:
        source = self._source
        end = yield from source.has_one_of(self._ends)
        if not end or (self._fence and not self._begins_line):
            return False
        if end not in ("<|channel|>", "<|start|>"):
            source.advance(len(end))
        return True

    def _read_code(self) -> Reading[None]:
        """Read backticks: those that open or close a block, or code in a line up to the backticks that close it."""
        source = self._source
        begins_line = self._begins_line
        run = yield from source.run(_BACKTICKS)
        self._emit(run)
        if begins_line and len(run) >= 3:
            self._fence = "" if self._fence else run
            return
        while not self._fence:
            self._emit(source.available(_IN_CODE))
            if (yield from source.peek()) != "`":
                return
            closing = yield from source.run(_BACKTICKS)
            self._emit(closing)
            if closing == run:
                return

    def _add_space(self, space: str) -> None:
        self._space += space
        self._begins_line = self._begins_line or "\n" in space

    def _emit(self, text: str) -> None:
        if text:
            self._output.text(self._space + text if self._has_begun else text, ThinkingDelta)
            self._space = ""
            self._has_begun = True
            self._begins_line = False


_CERTAIN = frozenset(form.name for form in FORM_BY_OPENING.values())


def _divided(text: str, calls: Sequence[FoundCall]) -> list[str]:
    """
    Divide the text of several calls among them, each with what precedes it.

    The parts matter only together, as they are sent back in the order of the calls; so where a call's own text is not
    known, the rest is divided evenly.
    """
    parts: list[str] = []
    at = 0
    for left, call in zip(range(len(calls), 1, -1), calls, strict=False):
        found = text.find(call.text, at) if call.text else -1
        end = found + len(call.text) if found >= 0 else at + (len(text) - at) // left
        parts.append(text[at:end])
        at = end
    return [*parts, text[at:]]
