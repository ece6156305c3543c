"""Pictures, through the gateway to a scripted server: in the form it takes, in words, and never in the way."""

import asyncio
import itertools
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from anthropic.types import ImageBlockParam, MessageParam, ToolResultBlockParam
from msgspec.structs import replace
from PIL import Image
from tests.parts.chat_reply import Reply, refuse, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script, always
from tests.parts.chat_server import ChatServer, ServerOptions, chat_server
from tests.parts.gateway import running_gateway, target_at
from tests.parts.pictures import huge_png, png
from tests.sdk.clients import MODEL, NO_RETRIES, async_client, sdk_setup

from anyclaude.server import GatewayOptions

WELL = reply(say("Well."))
SQUARE = reply(say("A red square."))
VISION_MODEL = "some-vision-model"

REFUSALS = {
    "llama.cpp without a projector": refuse(
        500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    ),
    "words that name no picture": refuse(400, "Bad Request"),
    "a failure without words": refuse(500, "Internal Server Error"),
    "one picture": refuse(400, "Failed to load image or audio file"),
    "a body that is too large": refuse(413, "Payload Too Large"),
    "strings only": refuse(400, "Invalid parameter: 'messages[1].content' must be a string."),
}


def image(data: bytes, media_type: str = "image/png") -> ImageBlockParam:
    source = {"type": "base64", "media_type": media_type, "data": b64encode(data).decode()}
    return {"type": "image", "source": source}  # type: ignore[typeddict-item]


def user(*content: ImageBlockParam | ToolResultBlockParam) -> MessageParam:
    return {"role": "user", "content": [*content, {"type": "text", "text": "What is this?"}]}


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    written = BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), Random(0).randbytes(3 * width * height))


def sent_images(request: ChatRequest) -> list[tuple[str, bytes]]:
    """Return the media types and the bytes of the pictures in a request."""
    urls = [url.partition(";base64,") for message in request.messages for url in message.images]
    return [(kind.removeprefix("data:"), b64decode(data)) for kind, _, data in urls]


async def sent(folder: Path, *pictures: ImageBlockParam) -> ChatRequest:
    async with sdk_setup(folder, always(WELL)) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=9, messages=[user(*pictures)])
    return setup.server.requests[0]


@pytest.mark.parametrize("data", [png(), saved(noise(300, 200), "PNG"), saved(noise(300, 200), "JPEG")])
async def test_a_picture_that_the_server_takes_arrives_byte_by_byte(tmp_path: Path, data: bytes) -> None:
    kind = "image/png" if data.startswith(b"\x89") else "image/jpeg"

    assert sent_images(await sent(tmp_path, image(data, kind))) == [(kind, data)]


async def test_a_wrong_type_is_corrected_and_nothing_else(tmp_path: Path) -> None:
    assert sent_images(await sent(tmp_path, image(png(), "image/webp"))) == [("image/png", png())]


async def test_what_the_server_cannot_read_or_is_too_large_is_converted(tmp_path: Path) -> None:
    webp = saved(noise(300, 200), "WEBP", lossless=True)
    large = saved(Image.new("RGB", (4000, 3000), "teal"), "PNG")

    first, second = sent_images(await sent(tmp_path, image(webp, "image/webp"), image(large)))

    made = Image.open(BytesIO(first[1]))
    assert (first[0], made.format, made.tobytes()) == ("image/png", "PNG", noise(300, 200).tobytes())
    assert (second[0], Image.open(BytesIO(second[1])).size) == ("image/png", (2000, 1500))


async def test_a_broken_picture_and_a_bomb_become_sentences(tmp_path: Path) -> None:
    request = await sent(tmp_path, image(b"no picture at all"), image(huge_png()))

    assert sent_images(request) == []
    assert "[image (image/png) omitted: it is no picture of a type that is known" in request.messages[-1].text
    assert "100000 x 100000 pixels" in request.messages[-1].text


def history(turns: int) -> list[MessageParam]:
    """Return a conversation that begins with a picture that a tool has read."""
    read: list[MessageParam] = [
        {"role": "user", "content": "Look at a.png"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"a": 1}}]},
        user({"type": "tool_result", "tool_use_id": "toolu_1", "content": [image(saved(noise(300, 200), "PNG"))]}),
    ]
    later: list[list[MessageParam]] = [
        [{"role": "assistant", "content": "Well."}, {"role": "user", "content": f"And {turn}?"}]
        for turn in range(turns)
    ]
    return [*read, *(message for two in later for message in two)]


@pytest.mark.moves_prefix(reason="the picture of the first attempt was refused")
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_picture_does_not_stay_in_the_way(tmp_path: Path, refusal: Answer) -> None:
    def script(request: ChatRequest) -> Answer:
        return refusal if sent_images(request) else WELL

    async with sdk_setup(tmp_path, script) as setup:
        for turn in range(10):
            await setup.client.messages.create(model=MODEL, max_tokens=9, messages=history(turn))
        other: list[MessageParam] = [user(image(png()))]
        await setup.client.messages.create(model=MODEL, max_tokens=9, messages=other)

    accepted = [request for request in setup.server.requests if not sent_images(request)]
    assert len(accepted) == 11
    assert sum(1 for request in setup.server.requests[:12] if sent_images(request)) <= 2  # the first, and the other
    for before, after in itertools.pairwise(accepted[:10]):
        assert after.messages[: len(before.messages)] == before.messages
    assert "image/png, 300 x 200 pixels" in accepted[0].tool_results[0].text + accepted[0].messages[-1].text


@pytest.mark.moves_prefix(reason="the picture of the first attempt was refused")
async def test_a_picture_that_was_seen_stays_when_another_is_refused(tmp_path: Path) -> None:
    bad = png(20, 20)

    def script(request: ChatRequest) -> Answer:
        return refuse(400, "Bad Request") if bad in dict.fromkeys(data for _, data in sent_images(request)) else WELL

    async with sdk_setup(tmp_path, script) as setup:
        first: list[MessageParam] = [user(image(png()))]
        await setup.client.messages.create(model=MODEL, max_tokens=9, messages=first)
        both: list[MessageParam] = [*first, {"role": "assistant", "content": "Well."}, user(image(bad))]
        await setup.client.messages.create(model=MODEL, max_tokens=9, messages=both)

    assert sent_images(setup.server.requests[-1]) == [("image/png", png())]
    assert "the server refused it: Bad Request" in setup.server.requests[-1].messages[-1].text


async def test_a_count_of_tokens_takes_no_base64_for_text(tmp_path: Path) -> None:
    without = ServerOptions(is_llama_cpp=False)
    async with sdk_setup(tmp_path, always(WELL), without) as setup:
        small = await setup.client.messages.count_tokens(model=MODEL, messages=[user(image(png()))])
        large = await setup.client.messages.count_tokens(
            model=MODEL, messages=[user(image(saved(noise(600, 600), "PNG")))]
        )

    assert abs(large.input_tokens - small.input_tokens) < 50


class Seeing:
    """A server with a model that cannot see, and one that describes pictures, or does not."""

    def __init__(self, answer: Answer = SQUARE) -> None:
        self.answer = answer
        self.descriptions = 0

    def __call__(self, request: ChatRequest) -> Answer:
        if request.body.model != VISION_MODEL:
            return refuse(400, "Images are not supported by this model.") if sent_images(request) else WELL
        self.descriptions += bool(sent_images(request))
        return self.answer if sent_images(request) else WELL


async def described(folder: Path, script: Script, *conversations: list[MessageParam]) -> ChatServer:
    """Have each conversation answered, all at once."""
    async with chat_server(script) as server:
        target = replace(target_at(server.base_url), models={"vision": VISION_MODEL})
        options: GatewayOptions = NO_RETRIES
        async with (
            running_gateway(folder, target, options=options) as gateway,
            async_client(gateway.base_url) as client,
        ):
            await asyncio.gather(
                *(client.messages.create(model=MODEL, max_tokens=9, messages=each) for each in conversations)
            )
            await client.messages.create(model=MODEL, max_tokens=9, messages=conversations[0])
        server.check()
        return server


@pytest.mark.moves_prefix(reason="the picture of the first attempt was refused")
async def test_a_model_that_sees_describes_a_picture_once(tmp_path: Path) -> None:
    seeing = Seeing()

    server = await described(tmp_path, seeing, history(0), history(1), [user(image(png()))])

    assert seeing.descriptions == 2  # there are two pictures
    answered = [
        request for request in server.requests if request.body.model != VISION_MODEL and not sent_images(request)
    ]
    assert len(answered) == 4
    for request in answered:
        text = "\n".join(message.text for message in request.messages)
        assert f"a description by the model {VISION_MODEL}" in text
        assert "A red square." in text
        assert "because the model" in text


@pytest.mark.moves_prefix(reason="the picture of the first attempt was refused")
@pytest.mark.parametrize("answer", [refuse(400, "no"), reply(say(""))], ids=["refused", "empty"])
async def test_without_a_description_there_is_the_sentence_and_no_second_attempt(tmp_path: Path, answer: Reply) -> None:
    seeing = Seeing(answer)

    server = await described(tmp_path, seeing, history(0))

    assert seeing.descriptions == 1
    assert "cannot see images" in "\n".join(message.text for message in server.requests[-1].messages)
