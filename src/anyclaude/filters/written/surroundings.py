"""
What stands before a form that may be a call: it shows whether the call is meant, or shown to the user.

Texts about tool calls look like calls.  What tells them apart is what precedes them: a quotation mark, or a line that
announces an example.  Such a line names what it announces and ends in a colon, or is a heading; "it looks like the
example fails" announces nothing, and whoever says "let me" or "I'll" is about to act.

An announcement holds for the block that follows it, and for further blocks as long as only headings, items of lists
and lines that end in a colon stand between them.
"""

import re
from typing import Literal, TypeAlias

LINE_CHARACTERS = 400
"""How much of a line is kept to judge what follows."""

Showing: TypeAlias = Literal["nothing", "next_block", "this_block", "last_block"]
"""Which block is shown to the user: none, the one that is announced, the one being read, or the one just read."""

QUOTATION_MARKS = frozenset("\"'“«„‚‹「『《")
BEFORE_MENTIONS = frozenset({*QUOTATION_MARKS, "(", "\\", "/"})
"""Before an opening tag, they show that it is mentioned; before a token, only quotation marks do."""


def _any_of(*words: str, unspaced: str) -> re.Pattern[str]:
    """Return a pattern of words, and of those that languages write without spaces between them."""
    return re.compile(rf"\b(?:{'|'.join(words)})(?!\w)|{unspaced}", re.IGNORECASE)


_EXAMPLE = _any_of(
    r"examples?|for instance|looks? like|such as|(?:in|uses?|have|has|is) (?:\w+ ){1,2}formats?|formats? (?:is|are|of)",
    r"these (?:tags|tokens)|(?:tags|tokens) (?:are|look)|it (?:writes|emits|outputs)",
    r"(?:call|format|template|request|syntax|turn)\b.{0,40} as follows",
    r"(?:model|assistant|llm)(?: \w+)? (?:writes?|emits?|outputs?|produces?|calls?|generates?)",
    r"zum beispiel|beispiele?|beispielsweise|so sieht|hat (?:\w+ ){1,2}format",
    r"par exemple|exemples?|por ejemplo|ejemplos?|por exemplo|exemplos?|esempio|esempi|bijvoorbeeld|voorbeeld\w*",
    r"пример\w*|например|np\.|przykład\w*",
    unspaced=r"示例|范例|例子|例如|(?<![用案惯条外])例[：:]|(?:格式|调用|请求体|语法|模板).{0,10}如下"
    r"|例えば|예시|예를 들",
)
"""Words of a line that announces an example."""

_EXAMPLE_FOLLOWS = _any_of(
    r"for example|for instance|looks? like|such as|zum beispiel|par exemple|por ejemplo|por exemplo|per esempio",
    r"bijvoorbeeld|например",
    unspaced="例如|比如|例えば|예를 들어",
)
_ENDS_IN_EXAMPLE = re.compile(rf"(?:{_EXAMPLE_FOLLOWS.pattern})[\s,:：*_…-]*\Z", re.IGNORECASE)
"""With these words at its end, a line announces an example without a colon."""

_ACTING = _any_of(
    r"I|I['’]\w+|let me|let['’]s|let us|we|we['’]\w+",
    r"ich|wir|lass(?:t|en)? (?:mich|uns|sie)|je|j['’]\w+|nous|voy|vamos|déjame|vou|vado|fammi|я|давай\w*|сейчас",
    unspaced="我|让我|运行|查看|检查|读取|打开|测试|执行|私|ましょう|하겠|할게",
)
"""Who acts: the first person, and verbs that Chinese uses without one."""

_BEGINS_ACTING = re.compile(
    r"\W*(?:step \d+\W+)?(?:"
    r"(?:now|next|then)\b(?!.*\bhere\b)"
    r"|(?!following|during|using|showing)[a-z]+ing\b(?!.*\blooks? like)"
    r"|(?:read|run|check|open|look|test|execute|edit|fix|update|create|list|search|view|inspect|verify|install|build"
    r"|add|remove|delete|rename|review|examine)\b)",
    re.IGNORECASE,
)
"""How a sentence begins that says what is done next: "Reading the file", "Check the format"."""

_SHOWING = _any_of(
    r"show|give|illustrat\w*|demonstrat\w*|provid\w*|explain|describe|zeig\w*|gebe|erklär\w*",
    r"montr\w*|donn\w*|mostr\w*|muestr\w*|пока\w+",
    unspaced="展示|给出|举|説明",
)
"""Who says "let me" acts, unless the verb is one of these."""

_ABBREVIATIONS = re.compile(r"\bz\. ?B\.|\be\. ?g\.|\bp\. ?ej\.|\bex\.(?= )", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:[\"'”’)*_]*\s+)|[。！？]")
_ENDS_IN_COLON = re.compile(r"[:：][\s*_]*\Z")
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*\Z|__[^_]+__:?\s*\Z)")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")
_CODE_LIKE = re.compile(r"\s*(?:[<{\[}\]|>`~]|\$ |>>> )")
_BEGINS_CODE = re.compile(r"\s*(?:<(?:pre|code|examples?|details|xmp)>\s*\Z|<!--|\$ |>>> )", re.IGNORECASE)
_LABEL = re.compile(r"\W*\w+(?:\W+\w+){0,2}\W*\Z")
"""A line of up to three words."""
_ENDS_IN_CODE_TAG = re.compile(r"<(?:code|pre|kbd|samp)>\Z", re.IGNORECASE)


class Surroundings:
    """Follows the text before a form."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._showing: Showing = "nothing"
        self._is_decided = False  # by something in the current line
        self.is_in_list = False
        """Whether the line before belongs to a list, whose text is indented."""

    def note(self, text: str) -> None:
        """Take note of text of the current line."""
        self._pieces.append(text)
        self._length += len(text)
        if self._length > 4 * LINE_CHARACTERS:
            self._pieces = ["".join(self._pieces)[-LINE_CHARACTERS:]]
            self._length = LINE_CHARACTERS

    @property
    def line(self) -> str:
        """The current line so far; of a long one, its last part."""
        return "".join(self._pieces)

    def end_line(self, *, is_code: bool = False) -> None:
        """Take note of the end of the current line, which is part of a fenced block if it `is_code`."""
        line = self.line[-LINE_CHARACTERS:]
        self._pieces.clear()
        self._length = 0
        if not is_code:
            self.is_in_list = bool(_ITEM.match(line)) or (self.is_in_list and not line[:1].strip())
            if not self._is_decided:
                self._showing = _after(line, self._showing)
        self._is_decided = False

    def begin(self) -> None:
        """Forget what stood before: a call has ended."""
        self._pieces.clear()
        self._length = 0
        self._showing = "nothing"
        self._is_decided = False

    def show_block(self) -> None:
        """Take note that the block being read is shown."""
        self._showing, self._is_decided = "this_block", True

    def end_block(self) -> None:
        """Take note that a fenced block has ended."""
        if self._showing != "nothing":
            self._showing = "last_block"

    def is_shown(self) -> bool:
        """Return whether what begins here is shown to the user, not meant."""
        line = self.line
        if self._showing in {"next_block", "this_block"}:
            return not _acts(line)
        return bool(line.strip()) and (_announces(line) or _is_within_example(line))

    def is_mentioned(self, *, is_token: bool) -> bool:
        """Return whether the opening that begins here is only mentioned: quoted, or in a table or a comment."""
        line = self.line
        if line.lstrip().startswith(("|", "<!--")) or _ENDS_IN_CODE_TAG.search(line):
            return True
        return line[-1:] in (QUOTATION_MARKS if is_token else BEFORE_MENTIONS) and bool(line)

    def is_in_sentence(self) -> bool:
        """Return whether what begins here stands in the middle of a sentence that does not say what will be done."""
        sentence = _last_sentence(self.line)
        return bool(sentence.strip()) and not _ENDS_IN_COLON.search(sentence) and not _acts(sentence)


def _after(line: str, showing: Showing) -> Showing:
    """Return what is shown after a line."""
    if not line.strip():
        return "last_block" if showing == "this_block" else showing
    if _BEGINS_CODE.match(line):
        return "this_block"
    if _CODE_LIKE.match(line):
        return "this_block" if showing == "next_block" else showing
    if _announces(line):
        return "next_block"
    is_title = _HEADING.match(line) or _ITEM.match(line)
    is_between = is_title or (_ENDS_IN_COLON.search(line) and not _acts(line))
    return "next_block" if showing != "nothing" and is_between else "nothing"


def _announces(line: str) -> bool:
    """Return whether a line announces an example."""
    sentence = _last_sentence(line)
    if _ENDS_IN_EXAMPLE.search(sentence):
        return not _acts(sentence)
    is_announcement = _ENDS_IN_COLON.search(sentence) or _HEADING.match(line) or _LABEL.match(line)
    return bool(is_announcement and _EXAMPLE.search(sentence)) and not _acts(sentence)


def _is_within_example(line: str) -> bool:
    """Return whether the sentence that a line breaks off in is about an example."""
    sentence = _last_sentence(line)
    return bool(_EXAMPLE.search(sentence)) and not _acts(sentence)


def _acts(text: str) -> bool:
    """Return whether the last sentence of a text says what will be done."""
    sentence = _last_sentence(text)
    acts = _ACTING.search(sentence) or _BEGINS_ACTING.match(sentence)
    return bool(acts) and not _SHOWING.search(sentence)


def _last_sentence(line: str) -> str:
    """Return the last sentence of a line; empty if the line ends with the end of a sentence."""
    line = _ABBREVIATIONS.sub("for example", line.rstrip() + " ")
    end = 0
    for match in _SENTENCE_END.finditer(line):
        end = match.end()
    return line[end:].rstrip()
