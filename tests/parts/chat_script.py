"""What the played model answers to which request: it reads the conversation, as a model does.

Nothing is kept between requests: a repeated request gets the same reply again, and requests of several
conversations may come in any order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.parts.chat_reply import Refusal, Reply, refuse
from tests.parts.chat_request import ChatRequest

Answer: TypeAlias = Reply | Refusal
Scene: TypeAlias = Callable[[ChatRequest], Answer]
Line: TypeAlias = Answer | Scene


class OutOfScript(AssertionError):
    """A request came that the script does not foresee."""


@dataclass(frozen=True, slots=True)
class Role:
    """One conversation: the words that tell it from the others, and the replies to it in their order.

    The words are looked for in what the user's side said before the first reply, so that the conversation which
    hands a task to a sub-agent is not taken for the sub-agent's.
    """

    cue: str
    lines: tuple[Line, ...]


class Screenplay:
    """A `Scene` of several conversations; the one that has a request's cue answers with its next line."""

    def __init__(self, *roles: Role, otherwise: Scene | None = None) -> None:
        self._roles = roles
        self._otherwise = otherwise or _nobody

    def __call__(self, request: ChatRequest) -> Answer:
        """Answer the request; raises `OutOfScript` if no line is left for it."""
        for role in self._roles:
            if role.cue in request.opening:
                return _spoken(_line(role, request), request)
        return self._otherwise(request)


def always(answer: Answer) -> Scene:
    """Give the same answer to every request."""
    return lambda request: answer


def in_turn(*lines: Line) -> Scene:
    """Give the lines one after the other, by the number of turns the assistant has taken."""
    return Screenplay(Role("", lines))


def one_by_one(*lines: Line) -> Scene:
    """Give the lines in the order of the requests, whatever they ask; only this scene remembers what it has said."""
    following = iter(lines)

    def answer(request: ChatRequest) -> Answer:
        line = next(following, None)
        if line is None:
            raise OutOfScript(f"all {len(lines)} lines were said before a request that ends with {_tail(request)}")
        return _spoken(line, request)

    return answer


def by_model(scenes: Mapping[str, Scene]) -> Scene:
    """Let another scene answer for each model name; other names are refused as unknown."""

    def answer(request: ChatRequest) -> Answer:
        scene = scenes.get(request.body.model)
        return scene(request) if scene else refuse(404, f"model {request.body.model!r} not found", "not_found_error")

    return answer


def _line(role: Role, request: ChatRequest) -> Line:
    if request.turns_taken >= len(role.lines):
        raise OutOfScript(
            f"{role.cue!r} has {len(role.lines)} lines, and all of them were said. Last: {_tail(request)}"
        )
    return role.lines[request.turns_taken]


def _spoken(line: Line, request: ChatRequest) -> Answer:
    return line(request) if callable(line) else line


def _nobody(request: ChatRequest) -> Answer:
    raise OutOfScript(f"no role has its cue in a request that ends with {_tail(request)}")


def _tail(request: ChatRequest) -> str:
    return repr([(message.role, message.text[-300:]) for message in request.since_last_turn])
