"""How much of a body is read."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest
from aiohttp import web
from tests.parts.web_site import Handler, Site, saying, web_site

from anyclaude.web.body import BodyGarbled, BodyTooLarge, read_body
from anyclaude.web.connections import open_session

TEXT = b"one two three " * 1000
LIMIT = 64 * 1024


async def body_of(site: Site, max_bytes: int = LIMIT) -> bytes:
    async with open_session() as session, session.get(site.url) as response:
        return await read_body(response, max_bytes)


def bare_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),  # each worker of the tests must see the same bytes
        (gzip.compress(TEXT, mtime=0), "x-gzip"),
        (zlib.compress(TEXT), "deflate"),
        (bare_deflate(TEXT), "deflate"),
    ],
)
async def test_a_body_is_unpacked(data: bytes, coding: str) -> None:
    async with web_site(saying(data, Content_Encoding=coding)) as site:
        assert await body_of(site) == TEXT


async def test_an_empty_body_is_empty_whatever_its_coding() -> None:
    async with web_site(saying(b"", Content_Encoding="gzip")) as site:
        assert await body_of(site) == b""


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (TEXT, "gzip"),
        (TEXT, "deflate"),
        (gzip.compress(TEXT, mtime=0)[:-20], "gzip"),
        (TEXT, "br"),
        (TEXT, "zstd"),
        (TEXT, "gzip, gzip"),
    ],
)
async def test_a_body_that_is_not_what_its_coding_says_is_garbled(data: bytes, coding: str) -> None:
    async with web_site(saying(data, Content_Encoding=coding)) as site:
        with pytest.raises(BodyGarbled):
            await body_of(site)


async def test_a_body_that_is_announced_as_too_large_is_not_read() -> None:
    async with web_site(saying(bytes(LIMIT + 1))) as site:
        with pytest.raises(BodyTooLarge):
            await body_of(site)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_body_without_an_end_is_read_up_to_the_limit(coding: str) -> None:
    sent = 0
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Encoding": coding})
        await response.prepare(request)
        packing = zlib.compressobj(0, wbits=31)
        try:
            while True:
                piece = bytes(16 * 1024)
                await response.write(piece if coding == "identity" else packing.compress(piece))
                sent += len(piece)
        finally:
            gone.set()

    async with web_site(endless) as site:
        with pytest.raises(BodyTooLarge):
            await body_of(site)
        await asyncio.wait_for(gone.wait(), 10)

    assert sent < 16 * 1024 * 1024  # what the sockets hold on the way, of a stream without an end


def packed_bomb() -> Handler:
    """Return a page of a kilobyte per megabyte."""
    return saying(gzip.compress(bytes(64 * 1024 * 1024)), Content_Encoding="gzip")


async def test_a_small_body_that_becomes_a_large_one_is_unpacked_up_to_the_limit() -> None:
    bomb = packed_bomb()

    async with web_site(bomb) as site:
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLarge):
                await body_of(site, 1024 * 1024)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 8 * 1024 * 1024
