"""The pictures of a request are found in turns and results, and changed without touching the rest."""

from msgspec.structs import replace

from anyclaude.protocol.content import Base64Source, ImageBlock, OtherSource, TextBlock, ToolResultBlock, UrlSource
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.pictures import picture_key, pictures_in, with_changed_pictures

FIRST = ImageBlock(Base64Source("image/png", "aaaa"))
SECOND = ImageBlock(UrlSource("https://example.org/a.png"))
REQUEST = MessagesRequest(
    model="m",
    max_tokens=1,
    messages=(
        Turn("user", "Hello"),
        Turn("user", (TextBlock("look"), FIRST)),
        Turn("user", (ToolResultBlock("id", (SECOND,)), ToolResultBlock("other", "text"))),
    ),
)


def test_pictures_are_found_in_their_order() -> None:
    assert list(pictures_in(REQUEST)) == [FIRST, SECOND]


def test_only_what_changes_is_a_new_object() -> None:
    changed = with_changed_pictures(
        REQUEST, lambda block: replace(block, description="x") if block is SECOND else block
    )

    assert [block.description for block in pictures_in(changed)] == ["", "x"]
    assert [new is old for new, old in zip(changed.messages, REQUEST.messages, strict=True)] == [True, True, False]
    assert with_changed_pictures(REQUEST, lambda block: block) is REQUEST


def test_a_key_follows_from_the_content_alone() -> None:
    assert picture_key(FIRST) == picture_key(replace(FIRST, extra={"cache_control": {}}))
    assert len({picture_key(FIRST), picture_key(SECOND), picture_key(ImageBlock(OtherSource({"type": "file"})))}) == 3
    assert picture_key(ImageBlock(OtherSource({"type": "file"}))) == ""
