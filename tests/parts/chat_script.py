"""Scripts for the scripted model: which reply it gives to which request.

A script reads the conversation, as a model does, and keeps nothing between requests: a repeated request gets the
same reply again, and requests of several conversations may come in any order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.parts.chat_reply import Refusal, Reply, refuse
from tests.parts.chat_request import ChatRequest

Answer: TypeAlias = Reply | Refusal
Script: TypeAlias = Callable[[ChatRequest], Answer]
ScriptedReply: TypeAlias = Answer | Script


class UnscriptedRequest(AssertionError):
    """A request arrived for which the script has no reply."""


@dataclass(frozen=True, slots=True)
class ScriptedConversation:
    """One conversation: the text that distinguishes it from the others, and the replies to it in order.

    `opening` is searched for in the user's messages before the first reply, so that the conversation which hands a
    task to a sub-agent is not mistaken for the sub-agent's.
    """

    opening: str
    replies: tuple[ScriptedReply, ...]


class ConversationScript:
    """A `Script` of several conversations; the one whose opening a request contains gives its next reply."""

    def __init__(self, *conversations: ScriptedConversation, otherwise: Script | None = None) -> None:
        self._conversations = conversations
        self._otherwise = otherwise or _fail

    def __call__(self, request: ChatRequest) -> Answer:
        """Answer the request; raises `UnscriptedRequest` if no reply is left for it."""
        for conversation in self._conversations:
            if conversation.opening in request.opening:
                return _resolved(_next_reply(conversation, request), request)
        return self._otherwise(request)


def always(answer: Answer) -> Script:
    """Give the same answer to every request."""
    return lambda request: answer


def in_turn(*replies: ScriptedReply) -> Script:
    """Give the replies in order, chosen by the number of assistant messages in the request."""
    return ConversationScript(ScriptedConversation("", replies))


def one_by_one(*replies: ScriptedReply) -> Script:
    """Give the replies in the order of the requests, whatever these contain; only this script keeps state."""
    following = iter(replies)

    def answer(request: ChatRequest) -> Answer:
        reply = next(following, None)
        if reply is None:
            raise UnscriptedRequest(
                f"all {len(replies)} replies were given before a request that ends with {_tail(request)}"
            )
        return _resolved(reply, request)

    return answer


def by_model(scripts: Mapping[str, Script]) -> Script:
    """Choose a script by the model name; other names are refused as unknown."""

    def answer(request: ChatRequest) -> Answer:
        script = scripts.get(request.body.model)
        return script(request) if script else refuse(404, f"model {request.body.model!r} not found", "not_found_error")

    return answer


def _next_reply(conversation: ScriptedConversation, request: ChatRequest) -> ScriptedReply:
    if request.turns_taken >= len(conversation.replies):
        raise UnscriptedRequest(
            f"the conversation {conversation.opening!r} has {len(conversation.replies)} replies, and all were given. "
            f"Last: {_tail(request)}"
        )
    return conversation.replies[request.turns_taken]


def _resolved(reply: ScriptedReply, request: ChatRequest) -> Answer:
    return reply(request) if callable(reply) else reply


def _fail(request: ChatRequest) -> Answer:
    raise UnscriptedRequest(f"no scripted conversation has the opening of a request that ends with {_tail(request)}")


def _tail(request: ChatRequest) -> str:
    return repr([(message.role, message.text[-300:]) for message in request.since_last_turn])
