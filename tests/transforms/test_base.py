"""Transforms run in order, and their effect on the size is reported."""

from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, Step, prepare

REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),), system="abcdef")


class Cut:
    """Truncates the system prompt to `length` characters."""

    name = "cut"

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        return replace(request, system=request.system[: self.length])


def size(request: MessagesRequest) -> int:
    return len(request.system)


def test_transforms_run_in_order_and_report_the_sizes() -> None:
    prepared = prepare(REQUEST, (Cut(4), Cut(1)), PromptContext(), size)

    assert prepared.request.system == "a"
    assert prepared.characters == 1
    assert prepared.steps == (Step("cut", 6, 4), Step("cut", 4, 1))


def test_a_transform_that_changes_no_size_is_not_reported() -> None:
    assert prepare(REQUEST, (Cut(9),), PromptContext(), size).steps == ()
