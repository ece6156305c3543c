"""
The words of a refusal, in the form in which they are compared.

Servers wrap their words: JSON in a string of JSON, a piece of the template that raised, an echo of the request, advice.
They write names as `stop_sequences` or `stopSequences`, and some write Chinese.  What is left here is what is refused
and why, in English terms, so that each rule is written once.
"""

import re

GLOSSARY = (
    (r"取值范围|有效范围|范围", "range"),
    (r"在?\s*(\d+)\s*(?:到|至|和)\s*(\d+)\s*之间", r"between \1 and \2"),
    (r"小于等于|不大于", "maximum"),
    (r"大于等于|不小于", "at least"),
    (r"(?:必须|需要?|应该?|须|要)\s*(?:大于|高于)", "must be greater than"),
    (r"(?:必须|需要?|应该?|须|要)\s*(?:小于|低于)", "must be less than"),
    (r"(?:不能|不得|不可|不应)?(?:大于|超过|超出|高于|多于)", "must not exceed"),
    (r"(?:不能|不得|不可|不应)(?:小于|低于|少于)|最小值?|至少", "at least"),
    (r"最大值?|最多|上限", "maximum"),
    (r"(?:只|仅)(?:支持|能|允许|接受|可)|只", "only supports"),
    (r"(?:暂|并|尚|还)?(?:不支持|未支持|不允许|不接受|不可用|未开通|未启用)|无法使用", "does not support"),
    (r"不是(?:有效|合法)的?", "is not a valid"),
    (r"不合法|非法|有误|不正确|错误|无效|不符合", "is invalid"),
    (r"(?:不能|不得|不可)为空|为空", "must not be empty"),
    (r"缺少|缺失|未提供|未传", "missing"),
    (r"(?:必须|需要|应该?|须)(?:为|是)?", "must be"),
    (r"(?:不能|不得|不可)", "must not"),
    (r"过长|太长|超长", "too long"),
    (r"未知", "unknown"),
    (r"(?:工具|函数)(?:的)?(?:描述|说明)", "tool description"),
    (r"(?:工具|函数)(?:的)?(?:名称|名字|名)", "tool name"),
    (r"(?:工具|函数)选择", "tool_choice"),
    (r"(?:工具|函数)(?:的)?参数", "tool parameters"),
    (r"(?:工具|函数)(?:的)?(?:调用|使用)?", "tools"),
    (r"流式(?:输出|调用|响应|返回)?", "streaming"),
    (r"思考(?:模式)?|深度思考", "thinking"),
    (r"最后(?:一条|一个)?(?:的)?消息", "last message"),
    (r"首条|第一条|最前(?:面)?|(?:最)?开(?:始|头)", "first message"),
    (r"系统(?:消息|提示词?|角色)", "system message"),
    (r"连续", "consecutive"),
    (r"交替", "alternate"),
    (r"角色", "role"),
    (r"消息", "message"),
    (r"描述", "description"),
    (r"名称", "name"),
    (r"长度", "length"),
    (r"内容", "content"),
    (r"图片|图像", "image"),
    (r"字段|参数", "parameter"),
)
"""Chinese terms of refusals, the longer before those that they contain: Zhipu, DashScope, Hunyuan, SiliconFlow."""

_GLOSSARY = tuple((re.compile(chinese), f" {english} ") for chinese, english in GLOSSARY)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_PUNCTUATION = {
    0xFF0C: ",",
    0x3002: ".",
    0xFF1B: ";",
    0xFF1A: ":",
    0xFF08: "(",
    0xFF09: ")",
    0x3001: ",",
    0x201C: '"',
    0x201D: '"',
}
"""Full-width punctuation, by its code points."""


_NOT_WORDS = (
    re.compile(r".*Jinja Exception: ", re.DOTALL),  # llama.cpp: before it, the place in the template
    re.compile(r" at row \d+, column \d+:.*", re.DOTALL),  # llama.cpp, minja: the place in the template
    re.compile(r"\W*This is usually an issue with the model's prompt template.*", re.DOTALL),  # LM Studio
    # pydantic, in vLLM and SGLang: the request, as far as it was refused
    re.compile(r",? ?['\"]input['\"]: .*?(?=,? ?['\"](?:ctx|url)['\"]: |\}, \{['\"]type|\}\]|$)", re.DOTALL),
    re.compile(r"\[type=\w+, input_value=.*?(?:\]|$)", re.DOTALL),
    re.compile(r"To drop (?:these|unsupported params),? set .*", re.DOTALL),  # LiteLLM
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ESCAPE = re.compile(r"\\+(?=[\"'])")
_ESCAPED_BREAK = re.compile(r"\\+n")

COMPLAINT = re.compile(
    r"unsupported|unavailable|(?:not|n't) (?:be |been |currently |yet )*(?:a )?(?:support|permit|allow|accept|recogni"
    r"|implement|enabled|available|valid|compatible|legal|configur|specify|possible|less|greater)|incompatible|unknown|unrecogni|unexpected"
    r"|extra (?:input|field)|extraneous|forbidden|invalid|deprecated|disabled|removed|\b(?:cannot|can't|must|should)\b"
    r"|(?:may|can) (?:not|only)|fixed (?:at|to)|no such|no endpoints|additional propert|does not exist"
    r"|mutually exclusive|illegal|only one of|only the default"
    r"|only .{0,60}(?:allowed|supported|accepted|permitted|valid|supports?)|only supports?|restricted to|expected"
    r"|enabled only|\brequires?\b|remove |not_(?:supported|allowed)|fail\w* .{0,40}\b(?:pars|init|satisf)"
    r"|(?:schema|grammar) (?:error|exception|conversion)|error:|exception",
    re.IGNORECASE,
)
"""The ways of saying that something is not taken."""

EXPECTATIONS = re.compile(
    r"(?:,? ?expected one of|(?<!not )\b(?:allowed|supported|valid|accepted|permitted|known) "
    r"(?:fields|param\w*|keys|arguments)(?: are)?:?).*",
    re.IGNORECASE | re.DOTALL,
)
"""A list of what the server does take, as serde appends to what it does not: nothing in it is refused."""


def plain_words(words: str) -> str:
    """Return the words that say what is refused, in English terms, with names in the form `stop_sequences`."""
    text = _ESCAPED_BREAK.sub(" ", _ESCAPE.sub("", words))
    for pattern in _NOT_WORDS:
        text = pattern.sub("", text)
    if _HAN.search(text):
        text = text.translate(_PUNCTUATION)
        for pattern, english in _GLOSSARY:
            text = pattern.sub(english, text)
        text = re.sub(r"[\u4e00-\u9fff]+", " ", text)
    return " ".join(_HUMP.sub("_", text).split())
