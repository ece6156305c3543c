r"""
What the words of a server's error mean.

Servers word the same error differently, and change the words with each release.  So no sentences are listed here, but
the words that make the meaning.  A prompt is over the window if one sentence says both what is too large (prompt,
input, context, tokens) and that it is (too long, exceeds, greater than), and does not speak of something else: a rate,
a deadline, the length of the reply, a field, an image.  The real wordings, with their sources, are the tests of this
module.
"""

import re
from typing import Literal, TypeAlias

Overflow: TypeAlias = Literal["certain", "possible", "none"]
"""Whether an error says that the prompt is over the window.  `possible`: the words alone do not decide it."""

MAX_CHARACTERS = 2_000
"""The part of a message that is judged: enough for every known wording; more is an echo of the request or the reply."""


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


RATE_LIMITED = _any_of(
    r"rate[ _-]?limit",
    r"too[ _-]many[ _-]requests",
    r"\b(?:requests|tokens) per (?:second|minute|hour|day)",
    r"\b[rt]p[md]\b",
    r"请求过多|请求过于频繁|限流|并发数?(?:过高|超)",
)
"""An error without a status that says "not so fast", which is over after a while; a spent quota is not."""

STILL_STARTING = _any_of("loading", "warming up", "busy", "queue", "pending requests", "overloaded", "try again")
"""With status 503: the server cannot answer yet, and will."""

LACKS_MODEL = _any_of(
    r"\bmodel\b.{0,120}\b(?:not found|does(?:n't| not) exist|(?:is )?not (?:loaded|available|known|served))",
    r"(?:no such|unknown|invalid|could not find(?: the)?|no) model\b(?! (?:input|output|type))",
    r"model_not_found|模型(?:不存在|未找到|未加载)|(?:不存在|找不到)(?:该|此)?模型",
)
"""The server does not have the model: OpenAI, vLLM, SGLang, Ollama, LM Studio, llama-server as a router."""

NOT_READY = _any_of(
    r"(?:still|is|currently|being) load",
    r"(?<!error )(?<!failed )loading model",
    r"warming up|overloaded|at capacity",
)
"""Without a status: the server cannot answer yet, and will."""

POSSIBLE_SECRET = re.compile(r"\b(?:sk-|Bearer\s+)\S+|[A-Za-z0-9_*-]{20,}")
"""A possible key in an error message, which LiteLLM and OpenAI echo; only applied where a key was refused."""

BAD_SAMPLE_BY_NAME = _any_of(
    r"tool_use_failed|failed_generation|output_parse_failed|json_validate_failed",  # Groq
    r"malformed_function_call",  # Gemini
    # openai/harmony, in vLLM and SGLang with gpt-oss
    r"HarmonyError|unexpected tokens remaining in message header|while expecting start token",
    r"channel marker present|unknown role: (?:<\||assistant)",
)
"""Whatever its status: an error that can only be about what the model wrote."""

BAD_SAMPLE = _any_of(
    r"pars(?:e|ing) input at pos|invalid diff:|produced output that does not match",  # llama.cpp
    r"(?:fail\w*(?: to)?|error|could not|cannot|unable to) (?:\w+ )?pars(?:e|ing) (?:the )?"
    r"(?:(?:tool|function)[ _]?call|arguments|model|output|generat|respon|harmony|completion)",
    r"(?:tool|function)[ _]?calls? (?:pars\w+ (?:fail|error)|(?:is |was )?(?:malformed|invalid|incomplete)\b(?! id))",
    r"(?:tool|function)[ _]call validation failed|model output:",
    r"(?:invalid|malformed|incomplete) (?:tool|function)[ _]?call\b(?! id)",
    r"(?:fail\w*(?: to)?|could not) generate a (?:valid )?(?:tool|function) call",
    # JSON and XML that a parser could not read (Go, Python), unless it is the request's.
    r"\A(?!.*\b(?:request|body|schema|template|grammar|messages|tools)\b).*(?:"
    r"unexpected end of (?:json|input|content)|invalid character .{1,10} (?:after|in|looking)|xml syntax error"
    r"|expecting (?:value|property name|'.' delimiter)|unterminated string|extra data: line"
    r"|invalid \\+escape|invalid control character)",
)
"""With a status of the server's own fault, or within a stream: the server could not read what its model wrote."""

_ANOTHER_LIMIT = _any_of(
    r"rate.?limit|too many requests|throttl|quota|\b[rt]p[smdh]\b",
    r"\bper (?:second|minute|min|hour|day|week|month)\b|\b(?:hourly|daily|weekly|monthly)\b",
    r"\bconcurren|\bqueue|pending requests|please wait|retry after|tokens processed",
    r"billing|\bcredits?\b|balance|usage limit|\bspen[dt]|subscription|\ballocat|organi[sz]ation",
    r"额度|频率|限流|余额|并发|每分钟|每天|请求过多|欠费|套餐",
)
"""How much a client may ask for, or how often; `tokens per minute` is not a window."""

_NEVER = _any_of(
    r"deadline|time[ d]*out\b|\bseconds?\b|\bcancell?ed\b|recursion|\bretr(?:y|ies)\b",  # Go: context deadline exceeded
    r"input should",  # pydantic: Input should be less than or equal to 1
)
_SOMETHING_ELSE = _any_of(
    r"\b(?:tools?|functions?|schemas?|grammars?|stop|metadata|log ?probs?|logit|temperature|top [pk]|names?)\b",
    r"\b(?:descriptions?|enum|cache key|prompt cache|safety|threshold|policy|batch|depth|nest\w*|string|array)\b",
    r"\b(?:list|blocks?|context management|regex|images?|pictures?|pixels?|audio|video|files?|documents?|pdf)\b",
    r"\b(?:pages?|attachments?|uploads?|urls?|uri|headers?|cookies?|memory)\b",
    r"图片|文件|工具|名称",
)
_BYTES = re.compile(r"\b(?:bytes|[kmg]i?b)\b|\d[kmg]i?b\b")
"""Fields, media and bodies have limits of their own, unless the sentence speaks of tokens or the context."""

_REPLY = _any_of(
    r"\bmax(?:imum)?(?: (?:new|completion|output|generated|total))? tokens?\b",
    r"\b(?:completion|output|response|generated|thinking|reasoning|budget) (?:tokens?|length|limit)\b",
    r"输出",
)
_PROMPT = _any_of(
    r"\b(?:prompts?|inputs?|messages|conversation|history|tokens in (?:the |your )?request)\b",
    r"输入|上下文|提示|对话|消息|会话",
)
"""A sentence about the length of the reply that does not mention the prompt refuses the reply's length alone."""

_WINDOW = _any_of(r"\btokens\b|\btoken (?:count|limit|length|size)\b|\bcontext (?:length|len|window|size|limit)\b")

_SUBJECT = _any_of(
    r"\b(?:prompts?|prefill|inputs?|messages|conversation|history|(?:your|this|the|user|system) message)\b",
    r"\b(?:tokens|token (?:count|limit|length|size|indices))\b",
    r"\b(?:context (?:length|len|window|size|limit|capacity)|(?:sequence|request|session) (?:length|len))\b",
    r"\bn (?:ctx|keep)\b",
    # The bare word has other meanings.
    r"\bcontext (?:is |was |has been |the )?(?:too|only|exceed|overflow|full)|\bmaximum context (?:reached|hit|exceed)",
    r"\b(?:exceed\w*|overflow\w*|out ?of|fit\w*(?: in(?:to)?)?|beyond|than) (?:\w+ ){0,4}context\b",
)
_EXCESS = _any_of(
    r"\btoo (?:long|large|big|many|great|lengthy)\b|\bexceed|\boverflow|\bsurpass|\bbeyond\b|\bfull\b",
    r"\b(?:long|larg|great|bigg|high|short|small)er than\b|\b(?:more|less|fewer) than\b|\bat most\b|<=",
    r"\bover (?:the|its|your|our)\b|\bout ?of (?:context|range)\b|\brange of\b",
    r"\b(?:not|cannot|cant|doesnt|wont|didnt) fit\b|\bnot enough\b"
    r"|\bcan only\b(?! (?:be|appear|come|have|contain)\b)|\bonly \(?\d",
    r"\b(?:limit|maximum)(?: context)? (?:is |was |has been )?(?:reached|hit)\b",
    r"\b(?:reduc|shorten|decreas|trim)\w*",
    r"\bmax(?:imum)?(?: is| of|:|=) ?\(?\d|\d ?(?:tokens )?>=? ?\(?\d",
)
_LIMIT = _any_of(
    r"\b(?:max(?:imum)?|available|allowed|supported|configured)(?: [\w/]+){0,2} "
    r"(?:context|prompt|input|sequence|seq|model) (?:length|len|size|window|tokens|limit)\b",
    r"\bcontext (?:length|window|size) (?:is|of)(?: only)? \(?\d|\bn ctx\b",
)
"""The size of the window: an error that mentions it complains of it, in whatever words."""

_CHINESE = _any_of(
    r"(?:输入|上下文|提示词?|对话|消息|会话|prompt|tokens?)[^。;\n]{0,20}(?:超过|超出|超长|过长|太长|大于|超限)",
    r"(?:超过|超出)[^。;\n]{0,20}(?:上下文|最大(?:输入)?长度|tokens?)",
)
_NO_ROOM = re.compile(r"max tokens must be (?:at least|greater than|>=?) \d+.{0,40}-\d")
"""vLLM: what is left of the window for the reply is less than nothing, because the prompt is longer than the window."""

_PERHAPS = _any_of(
    r"\b(?:request|payload|body|entity|content|text|query|data)\b.{0,40}(?:\btoo (?:large|long|big)\b|\bexceed)",
    r"\btoo (?:large|long|big)\b.{0,20}\b(?:request|payload|body)\b",
    r"\binput\b.{0,40}\bmax length\b",
)
_PERHAPS_OF_MESSAGES = re.compile(r"\bmessages\b(?:(?!tool|name).){0,30}\b(?:string|array) too long\b")
_VAGUE = re.compile(
    r"(?:[\W\d]|http|error|status|code|no body|bad request|input validation|validation|internal|server|unprocessable"
    r"|content|entity|unknown|invalid|request|params?|parameters?|arguments?|failed)*"
)
"""An error that says nothing, as Cerebras and LMDeploy refuse a prompt that is too long: status 400 without a body."""

_INPUT_VALIDATION = re.compile(r"input validation error", re.IGNORECASE)
"""The heading of each refusal of TGI and Together, whatever was refused."""

_SENTENCE_END = re.compile(r"(?<=[.!?;。])\s+|\n+|(?<=。)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z0-9])(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])")
"""Where a word ends without a space: in a name, and beside Chinese characters."""


def overflow(message: str, names: str = "") -> Overflow:
    """Return whether an error says that the prompt is over the window; `names` are its type and code."""
    plain_names, plain_message = _plain(names), _plain(message)
    for text in (plain_names, plain_message):
        if _ANOTHER_LIMIT.search(text):
            return "none"
        if any(map(_says_it, _SENTENCE_END.split(text))):
            return "certain"
    if _VAGUE.fullmatch(plain_message):
        return "possible"
    return "possible" if any(map(_may_mean_it, [plain_names, *_SENTENCE_END.split(plain_message)])) else "none"


def is_bad_sample(message: str, *, is_servers_fault: bool) -> bool:
    """Return whether an error is about what the model wrote, so that another sample may be better."""
    text = message[:MAX_CHARACTERS]
    return bool(BAD_SAMPLE_BY_NAME.search(text) or (is_servers_fault and BAD_SAMPLE.search(text)))


def _says_it(sentence: str) -> bool:
    if _NEVER.search(sentence) or (_REPLY.search(sentence) and not _PROMPT.search(sentence)):
        return bool(_NO_ROOM.search(sentence))
    if (_SOMETHING_ELSE.search(sentence) or _BYTES.search(sentence)) and not _WINDOW.search(sentence):
        return False
    if _LIMIT.search(sentence) or _CHINESE.search(sentence):
        return True
    return bool(_SUBJECT.search(sentence) and _EXCESS.search(sentence))


def _may_mean_it(sentence: str) -> bool:
    if _NEVER.search(sentence):
        return False
    is_size = _PERHAPS.search(sentence) and not _SOMETHING_ELSE.search(sentence)
    return bool(is_size or _PERHAPS_OF_MESSAGES.search(sentence))


def _plain(text: str) -> str:
    """Return the text in lower case, with the parts of names as words: `max_model_len`, `ContextWindowExceeded`."""
    text = _HUMP.sub(" ", _INPUT_VALIDATION.sub("validation error", text[:MAX_CHARACTERS]))
    return re.sub(r"['’`\"*]", "", re.sub(r"[_\xa0]|(?<=\w)-(?=[^\W\d])", " ", text)).lower()
