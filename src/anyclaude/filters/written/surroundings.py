"""
What stands before a form that may be a call: it shows whether the call is meant, or shown to the user.

Texts about tool calls look like calls.  What tells them apart is what precedes them: a quotation mark, or a line that
announces an example.  "Here is an example:" does, "it looks like the example fails" does not.  Many lines leave it
open: after "The output was:", a call at the end of the reply is meant, and one that the text goes on after is shown.
After "let me read it" or "reading the file:", a call is meant.

An announcement holds for the block that follows it.  If that block looked like a call, it also holds for further
blocks, as long as only headings, items of lists and lines that end in a colon stand between them.
"""

import re
from collections import deque
from functools import lru_cache
from typing import Literal, TypeAlias

LINE_CHARACTERS = 400
"""How much of a line is kept to judge what follows."""

Judgement: TypeAlias = Literal["meant", "unfinished", "doubtful", "shown"]
"""
Whether a call is meant: a doubtful one is, if no text follows it, and one in an unfinished sentence, if no text follows
that begins with a small letter.
"""

State: TypeAlias = Literal["plain", "unfinished", "doubtful", "announced", "in_block", "after_block", "in_element"]
"""
What a line leaves behind it: nothing; a sentence without an end; a colon; an announcement whose block is to come, is
being read, or has ended; or an HTML element that shows something.
"""

Event: TypeAlias = Literal["line", "decided_line", "call_in_block", "end_of_block"]
"""
A line, one that was judged while it was read, and of a fenced block a line that begins like a call, and the end.
"""

JUDGED_LINES = 8
"""One line is judged several times: where a form begins, once it is read, and for what follows it."""

MAX_EVENTS = 64
"""How far an announcement may lie back, in lines."""

QUOTATION_MARKS = frozenset("\"'“«„‚‹「『《")
BEFORE_MENTIONS = frozenset({*QUOTATION_MARKS, "(", "\\", "/"})
"""Before an opening tag, they show that it is mentioned; before a token, only quotation marks do."""


class _Words:
    """
    Words that are looked for in any case, and those that languages write without spaces between them.

    The words are given in small letters, and looked for in the text in small letters: a pattern that ignores the case
    takes five times as long, and a line is judged at each opening in it.
    """

    def __init__(self, *words: str, unspaced: str) -> None:
        self._ascii = re.compile(rf"\b(?=\w)(?:{'|'.join(words)})(?!\w)")
        self.pattern = rf"\b(?:{'|'.join(words)})(?!\w)|{unspaced}"
        self._any = re.compile(self.pattern)

    def are_in(self, text: str) -> bool:
        """Return whether any of the words stands in a text."""
        pattern = self._ascii if text.isascii() else self._any
        return pattern.search(text.lower()) is not None


_NOUNS = (
    r"(?:examples?|samples?|beispiele?|exemples?|ejemplos?|exemplos?|esempio|esempi|voorbeeld(?:en)?|przykład"
    r"|пример\w*|示例|范例|例子|例|예시)"
)
_ARTICLES = (
    r"(?:an?|another|one|some|two|three|few|more|the following|ein|eine[mnrs]?|noch ein|einige|folgendes|une?|des|autre"
    r"|una?s?|otro|um|uns|een|ещё|такой)"
)
_OF = r"(?:\d+|(?:tool )?calls?|outputs?|(?:for|of|für|pour|para|per|voor|вызова) .{1,40})"
_LABEL = re.compile(
    rf"\W*(?:(?:\w[\w.-]* )?(?:examples?|samples?)|{_NOUNS})(?: {_OF})?\W*\Z|\W*{_NOUNS} \d+\b", re.IGNORECASE
)
"""A line that is hardly more than the word: "Example:", "## Example 2", "Hermes example:"."""

_IN_FILES = r"(?:files?|apps?|configs?|tests?|code|folders?|director\w+|scripts?)"
_ANNOUNCEMENT = _Words(
    rf"{_ARTICLES} (?:\w[\w'’-]* ){{0,3}}{_NOUNS}(?! {_IN_FILES})",
    r"like (?:this|so|that|the following)(?=\W*\Z|[,:;(]| (?:in|when|if|for|with|tool|call)\b)",
    r"(?:is|are) (?:written|rendered|formatted) as|so sieht .*\baus|zum beispiel",
    r"these (?:tags|tokens)|ressemble à|tiene este aspecto|выглядит так",
    unspaced=r"(?:的|个|の)(?:示例|例子|范例|例)|下面是|例如|例えば|예를 들",
)
"""With a colon at its end, a sentence with these words announces an example."""

_FOLLOWS = _Words(
    r"(?:model|assistant|llm|it)(?: then| usually)? (?:writes|emits|outputs|generates|replies|answers)",
    r"for example|for instance|looks? like(?: this)?|such as|zum beispiel|par exemple|por ejemplo|por exemplo",
    r"per esempio|bijvoorbeeld|например",
    unspaced="例如|比如|例えば|예를 들어",
)
_ENDS_IN_EXAMPLE = re.compile(rf"(?:{_FOLLOWS.pattern})[\s,:：*_…-]*\Z", re.IGNORECASE)
"""With these words at its end, a line announces an example without a colon."""

_SHOWING = (
    r"(?!(?: \w+){0,2}? (?:show|give|illustrat|demonstrat|provid|explain|describe|sketch|zeig|geb|erklär|montr|donn"
    r"|mostr|muestr|пока))"
)
_I = r"(?<!when )(?<!if )(?<!what )(?:i(?!['’])|i['’]\w+|let me|let['’]s|let us|we(?!['’])|we['’]\w+)"
_NOT_ACTING = r"(?! (?:would|wrote|sent|have(?! to)))"
_ACTING = _Words(
    rf"{_I}\b{_NOT_ACTING}{_SHOWING}",
    rf"(?:ich|wir|lass(?:t|en)? (?:mich|uns|sie)|je|j['’]\w+|nous|on va|voy|vamos|déjame|vou|vado|fammi)\b{_SHOWING}",
    rf"(?:я|давай\w*|сейчас|need to|needs? to be|time to|il faut|hay que|нужно|надо)\b{_SHOWING}",
    unspaced=r"(?:我|让我|我们)(?!.{0,3}(?:展示|给出|举))|运行|查看|检查|读取|打开|测试|执行|更新|修复|修改|分析|搜索|查找"
    r"|私|ましょう|(?:見て|読み|確認し|実行し|調べ|修正し|編集し)(?:み)?ます|하겠|할게|합니다",
)
"""Who acts: the first person, unless it shows something, and verbs that languages use without one."""

_INTERJECTIONS = (
    r"(?:ok(?:ay)?|sure|got it|alright|right|great|done|as requested|one moment|hmm|so|and|but|finally|now|next|then"
    r"|first(?:ly)?|second(?:ly)?|after that|(?:first |next )?(?:step|phase|task|schritt|étape|paso|шаг)(?: \d+)?|\d+)"
)
_BEGINS_ACTING = re.compile(
    rf"[\W_]*(?:(?>{_INTERJECTIONS})[\W_]++)*"  # atomic: `step 1` may also be two interjections
    r"(?:(?:now|next)\b(?!.*\bhere\b)"
    r"|(?!following|during|using|showing|according|\w*thing|string)[a-z]+ing\b(?!.*\blooks? like)"
    r"|(?:read|run|check|open|look|test|execute|edit|fix|update|create|list|search|view|inspect|verify|install|build"
    r"|add|remove|delete|rename|review|examine|write|find|explore|locate|apply|implement|refactor|rewrite|replace|move"
    r"|copy|try|retry|debug|confirm|ensure|compile|print|start)\b)",
    re.IGNORECASE,
)
"""How a sentence begins that says what is done next: "Reading the file", "OK, check the format"."""

_ABBREVIATIONS = re.compile(r"\bz\. ?B\.|\be\. ?g\.|\bp\. ?ej\.|\bex\.(?= )", re.IGNORECASE)
_CODE_SPAN = re.compile(r"`[^`]*`|(?<![\w-])[\w-]*+(?:[./][\w-]+)+")
"""Code and paths: `examples/app.py` is no word of the sentence."""
_SENTENCE_END = re.compile(r"[.!?](?:[\"'”’)*_]*\s+)|[。！？]")
_ENDS_IN_COLON = re.compile(r"[:：][\s*_]*\Z")
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*\Z|__[^_]+__:?\s*\Z)")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")
_CODE_LIKE = re.compile(r"\s*(?:[<{\[}\]|>]|```|~~~|\$ |>>> )")
_BEGINS_CALL = re.compile(r"\s*(?:[{\[]|<[|｜]|<[a-z:_]*(?:tool|function|invoke))", re.IGNORECASE)
_BEGINS_ELEMENT = re.compile(r"\s*<(?:pre|code|examples?|details|xmp)>\s*\Z|\s*<!--", re.IGNORECASE)
_ENDS_ELEMENT = re.compile(r"</(?:pre|code|examples?|details|xmp)>|-->", re.IGNORECASE)
_PROMPT = re.compile(r"\s*(?:\$ |>>> )")
_ENDS_IN_HTML = re.compile(r"<(?:code|pre|kbd|samp|div|span|p|li|td|th)\b[^<>]*>\Z", re.IGNORECASE)
_BEGINS_LOG_LINE = re.compile(r"\s*[\[(]?(?:\d{4}-\d\d-\d\d|\d{1,2}:\d\d)\b")


class Surroundings:
    """
    Follows the text before a form.

    Most text contains no form, so its lines are only kept, and judged once a form begins.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._events: deque[tuple[Event, str]] = deque(maxlen=MAX_EVENTS)
        self._state: State = "plain"
        self._was_call = False  # the block that was announced looked like a call
        self._is_decided = False  # by something in the current line
        self._is_after_item = False
        self.is_in_list = False
        """Whether the line before belongs to a list, whose text is indented."""

    def note(self, text: str) -> None:
        """Take note of text of the current line."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length > 4 * LINE_CHARACTERS:
            self._pieces = [self.line]
            self._length = LINE_CHARACTERS

    @property
    def line(self) -> str:
        """The current line so far; of a long one, its last part."""
        return "".join(self._pieces)[-LINE_CHARACTERS:]

    def end_line(self, *, is_code: bool = False) -> None:
        """Take note of the end of the current line, which is part of a fenced block if it `is_code`."""
        line = self.line
        self._pieces.clear()
        self._length = 0
        if is_code:
            if _BEGINS_CALL.match(line):
                self._add("call_in_block")
            return
        self.is_in_list = bool(_ITEM.match(line)) or (self.is_in_list and not line[:1].strip())
        self._add("decided_line" if self._is_decided else "line", line)
        self._is_decided = False

    def _add(self, event: "Event", line: str = "") -> None:
        if not self._events or self._events[-1] != (event, line):  # a repetition changes nothing
            self._events.append((event, line))

    def _catch_up(self) -> None:
        """Judge the lines since the last form."""
        while self._events:
            event, line = self._events.popleft()
            match event:
                case "call_in_block":
                    self._was_call = True
                case "end_of_block":
                    self._end_block()
                case "line":
                    self._state = self._after(line)
                    self._is_after_item = _ITEM.match(line) is not None
                case "decided_line":
                    self._is_after_item = _ITEM.match(line) is not None

    def _after(self, line: str) -> State:
        """Return what a line leaves behind it."""
        state = self._state
        if state == "in_element":
            return "plain" if _ENDS_ELEMENT.search(line) else state
        if not line.strip():
            return "after_block" if state == "in_block" else state
        if _BEGINS_ELEMENT.match(line):
            return "in_element"
        if _PROMPT.match(line):
            return "in_block"
        if _CODE_LIKE.match(line):
            self._was_call = self._was_call or _BEGINS_CALL.match(line) is not None
            return "in_block" if state == "announced" else state
        if judgement_after(line) == "shown":
            self._was_call = False
            return "announced"
        return self._after_prose(line)

    def _after_prose(self, line: str) -> State:
        is_item = _ITEM.match(line) is not None
        is_between = is_item or _HEADING.match(line) or (_ENDS_IN_COLON.search(line) and not _acts(line))
        if self._state == "announced" and is_between:  # a list may itself be what was announced
            return "in_block" if is_item and self._is_after_item else "announced"
        if self._state == "after_block" and self._was_call and is_between:
            return "announced"
        judgement = judgement_after(line)
        return judgement if judgement == "doubtful" or judgement == "unfinished" else "plain"

    def begin(self) -> None:
        """Forget what stood before: a call has ended."""
        self._pieces.clear()
        self._length = 0
        self._events.clear()
        self._state, self._was_call, self._is_decided = "plain", False, False

    def show_block(self) -> None:
        """Take note that the block being read looks like a call, and is shown."""
        self._catch_up()
        if self._state != "in_element":
            self._state = "in_block"
        self._was_call = self._is_decided = True

    def end_block(self) -> None:
        """Take note that a fenced block has ended."""
        self._add("end_of_block")

    def _end_block(self) -> None:
        if self._state in {"announced", "in_block"}:
            self._state = "after_block"
        elif self._state != "in_element":
            self._state = "plain"

    def judgement(self) -> Judgement:
        """Return whether a call that begins here is meant, or shown to the user."""
        self._catch_up()
        line = self.line
        if self._state == "in_element":
            return "shown"
        if self._state in {"announced", "in_block"}:
            return "meant" if _acts(line) else "shown"
        if not line.strip():
            return self._state if self._state == "doubtful" or self._state == "unfinished" else "meant"
        judgement = judgement_after(line)
        if judgement == "unfinished":  # whether the sentence goes on is seen in the line
            return "shown" if _ANNOUNCEMENT.are_in(_last_sentence(line)) else "meant"
        return judgement

    def is_mentioned(self, *, is_token: bool) -> bool:
        """Return whether the opening that begins here is only mentioned: quoted, or in a table, a comment or a log."""
        line = self.line
        is_quoted = line.lstrip().startswith(("|", "<!--")) or _ENDS_IN_HTML.search(line)
        if is_quoted or _BEGINS_LOG_LINE.match(line):
            return True
        return line[-1:] in (QUOTATION_MARKS if is_token else BEFORE_MENTIONS) and bool(line)

    def is_in_sentence(self) -> bool:
        """Return whether what begins here stands in the middle of a sentence that does not say what will be done."""
        sentence = _last_sentence(self.line)
        return bool(sentence.strip()) and not _ENDS_IN_COLON.search(sentence) and not acts(sentence)


@lru_cache(maxsize=JUDGED_LINES)
def judgement_after(line: str) -> Judgement:
    """Return whether a call after this line is meant, or shown to the user."""
    sentence = _last_sentence(line)
    ends_in_colon = _ENDS_IN_COLON.search(sentence) is not None
    is_title = ends_in_colon or _HEADING.match(line) is not None
    if _LABEL.match(sentence) or (is_title and _ANNOUNCEMENT.are_in(sentence)) or _ENDS_IN_EXAMPLE.search(sentence):
        return "doubtful" if acts(sentence) else "shown"
    if not sentence or acts(sentence):
        return "meant"
    if ends_in_colon:
        return "doubtful"
    return "meant" if is_title else "unfinished"


def _acts(text: str) -> bool:
    return acts(_last_sentence(text))


@lru_cache(maxsize=JUDGED_LINES)
def acts(sentence: str) -> bool:
    """Return whether a sentence says what will be done."""
    return _ACTING.are_in(sentence) or _BEGINS_ACTING.match(sentence) is not None


@lru_cache(maxsize=JUDGED_LINES)
def _last_sentence(line: str) -> str:
    """Return the last sentence of a line, without code; empty if the line ends with the end of a sentence."""
    line = _CODE_SPAN.sub("it", _ABBREVIATIONS.sub("for example", line.rstrip() + " "))
    end = 0
    for match in _SENTENCE_END.finditer(line):
        end = match.end()
    return line[end:].rstrip()
