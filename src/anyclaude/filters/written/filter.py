"""
The filter that reads what a model wrote into its text: thoughts become thinking, and calls become tool calls.

Text is passed on as it arrives.  Held back is only what may still be a call, or the end of a thought: from an opening
up to the character that decides.  Markdown is followed as far as needed, because code and quotations show calls
without meaning them.
"""

import re
from collections.abc import Sequence

from anyclaude.filters.base import FilterContext, RejectedCall
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, ToolCallDelta

from .calls import FoundCall, NotACall, OfferedCalls
from .code_span import BACKTICKS, read_code_span
from .form import Form, Found
from .forms import CALL_ENDS, FORM_BY_OPENING, MESSAGE_FORMS, OPENINGS, THOUGHT_ENDS, THOUGHT_TAGS, WORD_OPENINGS
from .loose_json import read_bare_calls, read_fenced_calls
from .output import Output
from .source import BLANKS, SPACE, Reading, Source
from .surroundings import Judgement, Surroundings, acts
from .tagged_parameters import NO_OUTER
from .thought import Thought

MAX_CALL_CHARACTERS = 1_000_000
"""The longest text held back as a call: twice the 128,000 tokens that the client requests at most."""

MAX_OPENINGS_IN_LINE = 16
"""After as many openings of a line, each of which began no call, its rest is text.  Each is judged by the line before
it, for 0.2 ms; a line of a text about tool calls has up to eight in the corpus of the tests."""

CUT: frozenset[StopReason] = frozenset({"max_tokens", "model_context_window_exceeded"})

_TEXT = re.compile(rf"(?:[^<\[◁`\n]++|[<\[◁](?![{OPENINGS.second_characters}]|\Z))*+")
"""What cannot begin code, a line or a form."""
_INTERESTING = re.compile(r"[<\[◁`\n]")
_INVISIBLE = re.compile(r"[\s\u200b\ufeff]*")
_INFO = re.compile(r"[\w+#.-]*")
_ENDS_OF_INFO = frozenset({"\n", "\r"})
_TILDES, _REST_OF_LINE = re.compile("~*"), re.compile(r"[^\n]*")
_GOES_ON = re.compile(r"[`a-z,.;:!?)\]}\"'”»%&+=*/\\|-]")
"""With one of these after a call, a sentence goes on; a new sentence begins otherwise."""


_NO_TEXT = frozenset("{[`<")
"""What other calls begin with, or the fence around them ends with."""


def written_replies(context: FilterContext) -> "WrittenReplies":
    """Return the filter for one reply; thoughts are read also if no tool was offered."""
    return WrittenReplies(context)


class WrittenReplies:
    """Reads the text of one reply."""

    def __init__(self, context: FilterContext) -> None:
        self._output = Output()
        self._context = context
        self._reader: _Reader | None = None
        self._reading: Reading[None] = _nothing()  # here, as a reader that refers to its own reading is a cycle
        self._offered = OfferedCalls(context.tools, context.note)
        self._may_open_in_thought = context.profile.opens_thinking

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered so far."""
        for delta in deltas:
            if type(delta) is not TextDelta:
                self._pass(delta)
            elif self._reader is not None and self._reader.passes(delta.text):
                self._output.add(delta)
            else:
                self._read(delta.text)
        return self._output.take()

    def finish(self) -> list[Delta]:
        """Return the deltas that are still held back."""
        self._end(was_cut=False)
        return self._output.take()

    def _read(self, text: str) -> None:
        while text:
            if self._reader is None:
                self._reader = _Reader(self._context, self._offered, self._output, self._may_open_in_thought)
                self._reading = self._reader.read()
                next(self._reading)
            self._reader.add(text)
            next(self._reading, None)
            if self._reader.is_too_long_for_a_call:
                self._reading.throw(NotACall("it is too long"))
            text = self._reader.left_over
            if self._reader.is_over:
                self._end(was_cut=False)
        self._output.join()

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
            next(self._reading, None)
            self._reader, self._reading = None, _nothing()
            self._may_open_in_thought = False


def _nothing() -> Reading[None]:
    """Read nothing."""
    yield from ()


class _Reader:
    """Reads one run of text, from the beginning of a line."""

    def __init__(self, context: FilterContext, offered: OfferedCalls, output: Output, opens_in_thought: bool) -> None:
        self._hand_over = context.hand_over
        self._offered = offered
        self._output = output
        self._source = Source()
        self._is_forced = context.is_call_forced
        self._opens_in_thought = opens_in_thought
        self._space = ""  # at the beginning, until something follows
        self._before = Surroundings()
        self._is_after_blank = True
        self._is_first_line = True
        self._fence = ""
        self._inner_fences = 0
        self._is_in_data = False
        self._openings_in_line = 0  # that began nothing
        self._has_marks = False
        self._candidate_at: int | None = None
        self._is_in_plain_text = False

    @property
    def is_over(self) -> bool:
        """Whether nothing but white space follows, so that the text is read as ended."""
        return self._source.is_ended

    @property
    def left_over(self) -> str:
        """The text to be read by another reader, if this one is over."""
        return self._source.left_over

    def passes(self, text: str) -> bool:
        """Return whether this text is passed on as it is, which most is, and take note of it."""
        if not self._is_in_plain_text or _INTERESTING.search(text):
            return False
        self._before.note(text)
        return True

    def add(self, text: str) -> None:
        """Take text that has arrived; `read` goes on then, as far as it decides."""
        self._source.add(text)
        self._is_in_plain_text = False

    def end(self, *, was_cut: bool) -> None:
        """Take note that nothing follows; `read` then reads the rest."""
        self._source.end(was_cut=was_cut)
        self._is_in_plain_text = False

    @property
    def is_too_long_for_a_call(self) -> bool:
        """Whether what may be a call has become longer than any."""
        return self._candidate_at is not None and self._source.position - self._candidate_at > MAX_CALL_CHARACTERS

    # the text, line by line

    def read(self) -> Reading[None]:
        """Read the text; each step ends where more of it has to arrive."""
        source = self._source
        if self._opens_in_thought:
            yield from self._read_opened_thought()
        self._space = yield from source.run(_INVISIBLE)
        while (yield from source.peek()):
            yield from self._read_line()
        self._output.text(self._space)

    def _read_line(self) -> Reading[None]:
        """Read a line, or its beginning up to the end of a call."""
        source = self._source
        indent = yield from self._read_indent()
        depth = len(indent) + 3 * indent.count("\t")
        is_code = self._is_after_blank and not self._is_first_line and depth >= (8 if self._before.is_in_list else 4)
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

    def _read_indent(self) -> Reading[str]:
        """Read the blanks at the beginning of a line, which are passed on at once."""
        source = self._source
        indent = ""
        while True:
            piece = source.available(BLANKS)
            indent += piece
            self._emit(piece)
            if not source.is_empty or source.is_ended:
                return indent
            yield

    def _read_loose_call(self, character: str, indent: str) -> Reading[bool]:
        """Read a call that begins the line without a tag, and return whether there was one."""
        source = self._source
        if not self._offered or self._is_in_data or source.is_worn:
            return False
        if character in "Acft":
            opening = yield from source.has_one_of(WORD_OPENINGS)
            return bool(opening) and (yield from self._read_form(FORM_BY_OPENING[opening], opening))
        if character not in "{[" or (yield from source.has_one_of(OPENINGS)) or len(indent) >= 4:
            return False
        judgement = self._before.judgement()
        if judgement == "shown":
            self._is_in_data = True
            return False
        reading = read_bare_calls(source, self._offered, is_forced=self._is_forced)
        is_call = yield from self._try(reading, "bare JSON", judgement, keep=1)
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
                continue
            opening = yield from source.has_one_of(OPENINGS)
            if not opening:
                self._emit(source.advance(1))
            elif self._openings_in_line == MAX_OPENINGS_IN_LINE:
                self._emit(source.advance(len(opening)))
            elif is_quoted:
                yield from self._show(opening)
            elif (yield from self._read_form(FORM_BY_OPENING[opening], opening)):
                return

    def _end_line(self) -> None:
        line = self._before.line
        self._openings_in_line = 0
        self._emit(self._source.advance(1))
        self._before.end_line(is_code=bool(self._fence))
        is_blank = not line.strip()
        if is_blank:
            self._is_in_data = False
        self._is_after_blank = is_blank or (self._is_after_blank and line.startswith(("    ", "\t")))
        self._is_first_line = False

    # code

    def _open_fence(self, character: str) -> Reading[None]:
        """Read the opening of a fenced block, or the whole block if it consists of calls."""
        source = self._source
        pattern = BACKTICKS if character == "`" else _TILDES
        source.mark()
        fence = yield from source.run(pattern)
        source.rewind()
        judgement = self._before.judgement()
        if self._offered and judgement != "shown" and not source.is_worn:
            reading = read_fenced_calls(source, self._offered, fence)
            if (yield from self._try(reading, "fenced JSON", judgement, opening=fence, keep=len(fence))):
                return
        else:
            self._emit(source.advance(len(fence)))
        self._fence = fence
        yield from self._read_code_line()

    def _read_fenced_line(self, character: str) -> Reading[None]:
        """Read a line inside a fenced block, which may close it."""
        if character and character == self._fence[0]:
            run = yield from self._source.run(BACKTICKS if character == "`" else _TILDES)
            self._emit(run)
            if len(run) >= len(self._fence):
                yield from self._end_fence(run)
        yield from self._read_code_line()

    def _end_fence(self, run: str) -> Reading[None]:
        """Close a fenced block, or open one within it: a fence with the name of a language closes none (CommonMark)."""
        source, info = self._source, ""
        while not source.is_ended:
            piece = source.available(_INFO)
            self._emit(piece)
            info += piece
            if not source.is_empty:
                break
            yield
        if info and (yield from source.peek()) in _ENDS_OF_INFO:
            self._inner_fences += 1
        elif self._inner_fences:
            self._inner_fences -= 1
        else:
            self._fence = ""
            self._before.end_block()

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
        """Read code between backticks."""
        opening = yield from self._source.run(BACKTICKS)
        self._emit(opening)
        yield from read_code_span(self._source, opening, self._emit)
        if (yield from self._source.peek()) == "\n" and OPENINGS.ends(self._before.line.rstrip()):
            self._before.show_block()

    # calls

    def _read_form(self, form: Form, opening: str) -> Reading[bool]:
        """Read a call or the beginning of a thought after its opening, and return whether it was one."""
        self._openings_in_line += 1
        if not self._is_allowed(form):
            yield from self._show(opening)
            return False
        reading = self._read_alone(form, opening)
        judgement = self._before.judgement()
        return (yield from self._try(reading, form.name, judgement, opening=opening, keep=len(opening)))

    def _is_allowed(self, form: Form) -> bool:
        """Return whether the form counts here."""
        if form.is_mark:
            return self._has_marks
        if self._source.is_worn:
            return False
        before = self._before
        line = before.line
        if form.begins_line and line.strip():
            return False
        if before.judgement() == "shown" or before.is_mentioned(is_token=form.is_token):
            return False
        if form in MESSAGE_FORMS:  # a message does not begin after a blank, or after tokens that stayed text
            return not line.strip() or self._has_marks or not (line[-1].isspace() or OPENINGS.pattern.search(line))
        return bool(self._offered) or bool(form.thought_ends)

    def _read_alone(self, form: Form, opening: str) -> Reading[Found]:
        """Read a form; in the middle of a sentence, it is no call."""
        source, before = self._source, self._before
        begins_line, is_in_sentence = not before.line.strip(), before.is_in_sentence()
        found = yield from form.read(source, self._offered, opening)
        if begins_line or not found.calls:
            return found
        has_lines = "\n" in source.since_mark()
        blanks = yield from source.run(BLANKS)
        follows = yield from source.peek()
        goes_on = not has_lines and bool(_GOES_ON.match(follows))
        if not goes_on and is_in_sentence and not form.is_token and follows.strip():
            goes_on = not (yield from self._comes_next())
        if goes_on:
            if has_lines:
                before.show_block()
            raise NotACall("the sentence goes on")
        source.unread(blanks)
        return found

    def _comes_next(self) -> Reading[bool]:
        """Return whether another call, or the end of the turn, comes next."""
        return bool((yield from self._source.has_one_of(OPENINGS)) or (yield from self._source.has_one_of(CALL_ENDS)))

    def _require_end(self, judgement: Judgement) -> Reading[None]:
        """Raise `NotACall` if text follows that shows that the call is not meant, unless it says what will be done."""
        source = self._source
        space = yield from source.run(SPACE)
        character = yield from source.peek()
        is_text = character.islower() if judgement == "unfinished" else character and character not in _NO_TEXT
        if is_text and not (yield from self._comes_next()):
            line = yield from source.run(_REST_OF_LINE)
            if not acts(line):
                self._before.show_block()
                raise NotACall("it is shown")
            source.unread(line)
        source.unread(space)

    def _show(self, opening: str) -> Reading[None]:
        """Pass on an opening that is shown to the user; at the end of a line, so is what it opens."""
        self._emit(self._source.advance(len(opening)))
        if (yield from self._source.peek()) == "\n":
            self._before.show_block()

    def _try(
        self, reading: Reading[Found], form: str, judgement: Judgement, *, keep: int, opening: str = ""
    ) -> Reading[bool]:
        """Read what may be a call; if it is none, pass on its first `keep` characters and read the rest as text."""
        source = self._source
        source.mark()
        self._candidate_at = source.position
        source.advance(len(opening))
        try:
            found = yield from reading
            if found.calls and judgement != "meant":
                yield from self._require_end(judgement)
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
        if source.is_worn:
            self._emit(source.release())
        else:
            source.rewind()
            self._emit(source.advance(keep))

    def _deliver(self, found: Found, text: str, form: str) -> Reading[None]:
        """Deliver what was read from `text`."""
        self._has_marks = self._has_marks or not found.calls
        if found.thought_ends:
            yield from self._read_thought(found.thought_ends)
        elif found.calls:
            self._deliver_calls(found.calls, self._space + text, form)
            self._space = ""
            yield from self._read_end_of_call()
        self._begin_line()

    def _deliver_calls(self, calls: Sequence[FoundCall], text: str, form: str) -> None:
        """Deliver calls, or hand over a single one that is invalid: of several, none can be taken out of the text."""
        for call, part in zip(calls, _divided(text, calls), strict=True):
            self._offered.note_recognised(call, form)
            delta = self._output.call_delta(call, part)
            problem = call.call.problem
            if problem and len(calls) == 1 and self._hand_over(RejectedCall(delta.name, (delta,), problem)):
                return
            self._offered.note_check(call)
            self._output.call(delta)

    def _read_end_of_call(self) -> Reading[None]:
        """Read the white space and the ends of turns that follow a call: they are no text of the reply."""
        source = self._source
        while True:
            self._output.after_call((yield from source.run(SPACE)))
            end = yield from source.has_one_of(CALL_ENDS)
            if not end:
                break
            self._output.after_call(source.advance(len(end)))
        if source.is_rest_of(CALL_ENDS):
            self._output.after_call(source.advance(CALL_ENDS.longest))
        elif (yield from source.has(NO_OUTER.start)):
            yield from self._read_dangling_tag()

    def _read_dangling_tag(self) -> Reading[None]:
        """Read an opening tag after which nothing follows: it was meant to close the call."""
        source = self._source
        source.mark()
        source.advance(len(NO_OUTER.start))
        yield from source.run(SPACE)
        if (yield from source.peek()):
            source.rewind()
        else:
            self._output.after_call(source.release())

    def _begin_line(self) -> None:
        self._before.begin()
        self._openings_in_line = 0
        self._is_after_blank = self._is_first_line = True
        self._is_in_data = False

    # thoughts

    def _read_opened_thought(self) -> Reading[None]:
        """Read the thought that the prompt has opened; the model may open it again."""
        source = self._source
        source.available(SPACE)
        while source.is_empty and not source.is_ended:  # however long it is: a thought is sure to follow
            yield
            source.available(SPACE)
        opening = yield from source.has_one_of(tuple(THOUGHT_TAGS))
        source.advance(len(opening))
        ends = (THOUGHT_TAGS[opening],) if opening else tuple(THOUGHT_TAGS.values())
        yield from self._read_thought(ends)

    def _read_thought(self, ends: tuple[str, ...]) -> Reading[None]:
        """Read a thought up to its end, and what follows it and is no text: white space, and end tags written twice."""
        source = self._source
        self._space = ""
        yield from Thought(source, self._output, ends).read()
        yield from source.run(SPACE)
        while end := (yield from source.has_one_of(THOUGHT_ENDS)):
            source.advance(len(end))
            yield from source.run(SPACE)

    def _emit(self, text: str) -> None:
        """Deliver text, and the white space that waited for it."""
        if text:
            self._output.text(self._space + text)
            self._space = ""
            self._before.note(text)


_CERTAIN = frozenset(form.name for form in FORM_BY_OPENING.values())


def _divided(text: str, calls: Sequence[FoundCall]) -> list[str]:
    """
    Divide the text of several calls among them, each with what precedes it.

    The parts matter only together, as they are sent back in the order of the calls; so where a call's own text is not
    known, the rest is divided evenly.  A second such text is not looked for.
    """
    parts: list[str] = []
    at = found = 0
    for left, call in zip(range(len(calls), 1, -1), calls, strict=False):
        found = text.find(call.text, at) if call.text and found >= 0 else -1
        end = found + len(call.text) if found >= 0 else at + (len(text) - at) // left
        parts.append(text[at:end])
        at = end
    return [*parts, text[at:]]
