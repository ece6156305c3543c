"""The pictures of a request: in the turns, and in the results of tools."""

import hashlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec.structs import replace

from .content import Base64Source, Content, ContentBlock, ImageBlock, ToolResultBlock, UrlSource
from .messages_request import MessagesRequest

Change: TypeAlias = Callable[[ImageBlock], ImageBlock]


def pictures_in(request: MessagesRequest) -> Iterator[ImageBlock]:
    """Yield the pictures of a request, in their order."""
    for turn in request.messages:
        yield from _pictures(turn.content)


def with_changed_pictures(request: MessagesRequest, change: Change) -> MessagesRequest:
    """Return the request with its pictures changed; what does not change stays the same object."""
    turns = []
    for turn in request.messages:
        content = _changed(turn.content, change)
        turns.append(turn if content is turn.content else replace(turn, content=content))
    is_same = all(new is old for new, old in zip(turns, request.messages, strict=True))
    return request if is_same else replace(request, messages=tuple(turns))


def picture_key(block: ImageBlock) -> str:
    """Return what identifies a picture, empty for one that only Anthropic's servers can read."""
    match block.source:
        case Base64Source(_, data):  # a mark of detached data follows from its content
            return hashlib.blake2b(data.encode(errors="replace"), digest_size=16).hexdigest()
        case UrlSource(url):
            return hashlib.blake2b(url.encode(errors="replace"), digest_size=16).hexdigest()
        case _:
            return ""


def _pictures(content: Content) -> Iterator[ImageBlock]:
    for block in () if isinstance(content, str) else content:
        match block:
            case ImageBlock():
                yield block
            case ToolResultBlock(content=tuple(blocks)):
                yield from _pictures(blocks)
            case _:
                pass


def _changed(content: Content, change: Change) -> Content:
    if isinstance(content, str):
        return content
    blocks = tuple(_changed_block(block, change) for block in content)
    return content if all(new is old for new, old in zip(blocks, content, strict=True)) else blocks


def _changed_block(block: ContentBlock, change: Change) -> ContentBlock:
    match block:
        case ImageBlock():
            return change(block)
        case ToolResultBlock(content=tuple(blocks)):
            content = _changed(blocks, change)
            return block if content is blocks else replace(block, content=content)
        case _:
            return block
