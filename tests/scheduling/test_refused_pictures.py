"""What a refusal tells about pictures: those that were accepted before are not its cause."""

import pytest

from anyclaude.errors import BackendRejected
from anyclaude.protocol.content import Base64Source, ImageBlock
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.pictures import picture_key, pictures_in
from anyclaude.scheduling.refused_pictures import NOTHING_LEFT_OUT, LeftOut, RefusedPictures

REFUSAL = BackendRejected("no such projector", 400, "invalid_request_error")


def picture(data: str) -> ImageBlock:
    return ImageBlock(Base64Source("image/png", data))


def request(*pictures: ImageBlock) -> MessagesRequest:
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", pictures),))


def reasons(of: MessagesRequest) -> list[str]:
    return [block.unusable_because for block in pictures_in(of)]


def test_only_a_picture_that_was_never_accepted_is_left_out_and_stays_so() -> None:
    refused = RefusedPictures()
    refused.accepted(request(picture("old")), "m", NOTHING_LEFT_OUT)
    both = request(picture("old"), picture("new"))

    suspects = refused.suspects(both, "m", REFUSAL)
    assert suspects == LeftOut(frozenset({picture_key(picture("new"))}), "no such projector")
    refused.accepted(both, "m", suspects)

    assert reasons(refused.without(both, "m", NOTHING_LEFT_OUT)) == ["", "the server refused it: no such projector"]
    assert refused.suspects(both, "m", REFUSAL).keys == frozenset()


def test_another_model_may_accept_it() -> None:
    refused = RefusedPictures()
    refused.accepted(request(picture("new")), "m", refused.suspects(request(picture("new")), "m", REFUSAL))

    assert refused.without(request(picture("new")), "other", NOTHING_LEFT_OUT) == request(picture("new"))


def test_a_refused_retry_proves_nothing() -> None:
    refused = RefusedPictures()
    suspects = refused.suspects(request(picture("new")), "m", REFUSAL)

    assert reasons(refused.without(request(picture("new")), "m", suspects)) == [
        "the server refused it: no such projector"
    ]
    assert reasons(refused.without(request(picture("new")), "m", NOTHING_LEFT_OUT)) == [""]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 408, 429, 503])
def test_what_is_not_about_the_request_is_not_about_pictures(status: int) -> None:
    error = BackendRejected("no", status, "api_error")

    assert RefusedPictures().suspects(request(picture("new")), "m", error) == NOTHING_LEFT_OUT
