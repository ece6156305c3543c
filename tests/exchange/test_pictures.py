"""What a picture becomes is made once, kept within its bound, and never for a model that sees none."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Sequence

from msgspec.structs import replace
from tests.parts.pictures import png

from anyclaude.errors import Unreadable
from anyclaude.exchange.pictures import PictureReader
from anyclaude.memory_budget import MemoryBudget
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.content import Base64Source, ImageBlock
from anyclaude.protocol.detached_data import text_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.pictures import pictures_in
from anyclaude.reading.frames import Options, Result
from anyclaude.reading.reader import Reader

PROFILE = profile_named("llamacpp")
GIF = b"GIF89a\x09\0\x09\0" + bytes(20)


class FakeReader(Reader):
    """Makes a given file of every picture, and counts them."""

    def __init__(self, made: bytes | Unreadable) -> None:
        super().__init__()
        self.made = made
        self.options: list[Options | None] = []

    async def read(
        self, kind: str, data: bytes | Sequence[bytes], options: Options | None = None, *, is_base64: bool = False
    ) -> Result:
        assert (kind, is_base64) == ("picture", True)
        self.options.append(options)
        await asyncio.sleep(0)
        if isinstance(self.made, Unreadable):
            raise self.made
        return Result({"media_type": "image/png"}, self.made)


def request(*files: bytes) -> MessagesRequest:
    pictures = tuple(ImageBlock(Base64Source("image/gif", b64encode(file).decode())) for file in files)
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", pictures),))


def reader_over(fake: Reader, profile: BackendProfile = PROFILE) -> PictureReader:
    return PictureReader(fake, MemoryBudget(), lambda _: profile)


def files_in(read: MessagesRequest) -> list[bytes]:
    sources = [block.source for block in pictures_in(read)]
    return [b64decode(text_of(source.data, read.detached)) for source in sources if isinstance(source, Base64Source)]


async def test_equal_pictures_are_converted_once_and_to_the_same_bytes() -> None:
    for size in (100, 100_000):  # in the body, and beside it
        made = png() + bytes(size)
        fake = FakeReader(made)
        reader = reader_over(fake)

        first, second = await asyncio.gather(reader.read(request(GIF, GIF)), reader.read(request(GIF)))
        again = await reader.read(request(GIF, GIF))

        assert fake.options == [{"max_edge": PROFILE.max_image_edge}]
        assert files_in(first) == [made] * 2
        assert (again, files_in(second)) == (first, [made])
        assert [block.source for block in pictures_in(again)] == [block.source for block in pictures_in(first)]
        assert not reader.finds(again)


async def test_what_needs_nothing_is_not_read() -> None:
    reader = reader_over(FakeReader(b""))
    fitting = MessagesRequest(
        model="m",
        max_tokens=1,
        messages=(Turn("user", (ImageBlock(Base64Source("image/png", b64encode(png()).decode())),)),),
    )

    assert not reader.finds(fitting)
    assert not reader_over(FakeReader(b""), replace(PROFILE, accepts_images=False)).finds(request(GIF))
    assert not reader_over(FakeReader(b""), replace(PROFILE, image_types=("image/gif",))).finds(request(GIF))


async def test_a_picture_that_cannot_be_read_says_why_in_every_turn() -> None:
    fake = FakeReader(Unreadable("broken", "it is broken"))
    reader = reader_over(fake)

    for _ in range(2):
        (block,) = pictures_in(await reader.read(request(GIF)))
        assert block.unusable_because == "it is broken"
    assert len(fake.options) == 1


async def test_a_fault_that_may_pass_is_not_kept() -> None:
    fake = FakeReader(Unreadable("unavailable", "no process"))
    reader = reader_over(fake)
    await reader.read(request(GIF))
    fake.made = b"png"

    assert files_in(await reader.read(request(GIF))) == [b"png"]
