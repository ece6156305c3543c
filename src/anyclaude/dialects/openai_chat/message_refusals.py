"""What refusals ask for that are about messages: their roles, their order, their content, their reasoning."""

from collections.abc import Iterator

from anyclaude.profiles import Change
from anyclaude.profiles.base import EmptyContent, TextAfterResults

from .refusal import Refusal

SPEAKER = r"\b(?:(?:user|assistant|system|tool)\W{1,3}(?:messages?|roles?|turns?)|tool_(?:use|results?|calls?))\b"
NEXT_TO = r"\b(?:after|follow\w*|preced\w*|before)\b"
"""With these, a refusal says who may speak after whom; "try again after a while" is another matter."""


def reasoning(refusal: Refusal) -> Iterator[Change]:
    """Yield what becomes of the reasoning of earlier turns, which a server demands or does not know."""
    if (
        refusal.has_calls
        and refusal.says(r"thought[_ ]?signature")
        and refusal.says(r"missing|required|must|not set|empty")
    ):
        yield "requires_signatures", True
    if not refusal.says(r"reasoning[_ ]?(?:content|details)|thinking\W{1,3}(?:or|block|content)|and thinking\b"):
        return
    has_reasoning = any("reasoning_content" in message for message in refusal.messages)
    if has_reasoning and refusal.says(r"both content and (?:thinking|reasoning)"):  # gpt-oss
        yield "earlier_reasoning", "drop"
    elif refusal.says(
        r"missing|must (?:be (?:passed|sent|provided|included|present)|include|have|contain)|required|passed back"
        r"|is not set|expected"
    ):
        if refusal.profile.earlier_reasoning == "drop":
            yield "earlier_reasoning", "reasoning_content"
        yield "earlier_reasoning", "always_reasoning_content"
    elif refusal.is_complaint and has_reasoning:
        yield "earlier_reasoning", "drop"


def last_turn(refusal: Refusal) -> Iterator[Change]:
    """Yield another form for a conversation that ends in the assistant's words."""
    is_prefill = refusal.roles[-1:] == ["assistant"] and "tool_calls" not in refusal.messages[-1]
    if is_prefill and refusal.says(
        r"prefill|pre-fill|(?:last|final|end)\b.{0,60}\b(?:role|message|turn|user|assistant)|\bends? (?:with|in)\b"
        r"|continue_final_message|add_generation_prompt|assistant messages? at the end|partial|role specification"
        r"|must be from|\b(?:be|is) (?:the )?(?:last|final)\b|continue from|prefix mode"
    ):
        yield "prefill", "in_question"


def content(refusal: Refusal) -> Iterator[Change]:
    """Yield another content of messages that have only calls."""
    is_empty = [not message.get("content") and "tool_calls" in message for message in refusal.messages]
    if not any(is_empty) or refusal.says(r"\btools?\W{0,4}\d+\W|\bschemas?\b"):
        return
    names_content = refusal.says(
        r"(?<!\w)content(?:s|\b).{0,80}(?:null|none\b|nil\b|missing|required|string|empty|blank|not set)"
        r"|(?:null|none|nil|missing|required|empty|blank)\b.{0,60}(?<!\w)content\b"
    )
    is_at_index = refusal.message_index is not None and is_empty[refusal.message_index]
    if (
        names_content
        or (is_at_index and refusal.says(r"null|none\b|empty|blank|must have content|string"))
        # A template or a parser fails on the null, in the words of its language: Jinja, C++, Python, Go.
        or (
            refusal.profile.empty_content == "null"
            and refusal.says(
                r"none_?type|but is null|undefined_?value|on undefined|\bnull values?\b|: null\b"
                r"|(?:got|of|on|with) null\b|<nil>"
            )
        )
    ):
        yield from refusal.later_values("empty_content", EmptyContent)


def parallel_calls(refusal: Refusal) -> Iterator[Change]:
    """Yield one message for each call, for templates that have no more than one in a message."""
    has_several = any(isinstance(calls := m.get("tool_calls"), list) and len(calls) > 1 for m in refusal.messages)
    if has_several and refusal.says(
        r"(?:only|single|one|multiple|parallel|more than one|several)\b.{0,40}(?:tool|function)[-_ ]?calls?"
        r"|too many (?:tool|function)[-_ ]?calls? in"
        r"|(?:tool|function)[-_ ]?calls? at (?:once|a time)"
    ):
        yield "calls_in_message", "one"


def names_of_results(refusal: Refusal) -> Iterator[Change]:
    """Yield results with the names of their tools."""
    if "tool" in refusal.roles and refusal.says(
        r"function_response\.name|(?:tool|function)\b.{0,60}(?:missing|require\w*|must have|needs|empty)\b.{0,20}\bname"
        r"|\bname\b.{0,30}(?:required|missing|empty).{0,40}\b(?:tool|function)|(?:missing|required)\W.{0,30}\bname for"
        r"|(?:tool|function)[_ ](?:response|result|message)s?[_ ]name\b.{0,30}(?:required|missing|empty)"
    ):
        yield "names_results", True


def system_role(refusal: Refusal) -> Iterator[Change]:
    """Yield another place for instructions whose role is refused."""
    is_late = "system" in refusal.roles[1:]
    is_named = refusal.says(
        r"(?:system|developer) (?:role|message|prompt|instruction)s?\b|role\W{1,4}(?:system|developer)\b"
        r"|(?:system|developer)\W{1,3}(?:is|role)|variant\W+(?:system|developer)\b"
        r"|(?:role|message).{0,60}\b(?:system|developer)\b|\b(?:start|begin)s? with (?:an? |the )?\W?user\b"
    ) and (refusal.is_complaint or refusal.says(r"beginning|first|raise"))
    if "system" not in refusal.refused_roles and (not is_named or refusal.refused_roles):
        return
    if is_late:
        yield "mid_conversation_system", "user_reminder"
    elif refusal.roles[:1] == ["system"] and not refusal.says(r"optional\)? system"):
        yield "system_prompt", "first_user_message"


def tool_role(refusal: Refusal) -> Iterator[Change]:
    """Yield calls and results in words, where the role of results is refused."""
    if "tool" in refusal.refused_roles or (
        "tool" in refusal.roles
        and refusal.says(
            r"role\W{1,4}tool\b.{0,30}(?:not|un)|(?:invalid|unknown|unsupported)\b.{0,30}\brole\W{1,4}tool\b"
            r"|variant\W+tool\b|\btool (?:role|messages?) (?:is|are) (?:not|un)"
        )
    ):
        yield "tools_sent_as", "words"


def order_of_roles(refusal: Refusal) -> Iterator[Change]:
    """Yield another order of messages, for servers and templates that keep to one."""
    if not refusal.says(
        r"alternat|interleav|consecutive|successive|unexpected role|(?:message|role)s? (?:order|sequence)|after tool"
        r"|index in the messages must be|\brole\W.{0,80}\bmust be"
        rf"|\b(?:role|turn)s?\W.{{0,80}}{NEXT_TO}|{SPEAKER}.{{0,80}}{NEXT_TO}|\bmessages?\W.{{0,80}}{NEXT_TO}.{{0,40}}{SPEAKER}"
        r"|messages?\W.{0,80}\bmust be (?:from |an? |the )*\W?(?:user|assistant|tool|system|in)\b"
        r"|(?:after|following|before) .{0,40}\brole|expected .{0,30}\brole|same number of (?:function )?calls"
    ):
        return
    if "system" in refusal.roles[1:]:
        yield "mid_conversation_system", "user_reminder"
    if refusal.follows("tool", "user"):
        yield from refusal.later_values("text_after_results", TextAfterResults)
    if "tool" in refusal.roles:
        yield "tools_sent_as", "words"
