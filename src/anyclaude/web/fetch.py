"""
Fetches a page for a model: from public hosts only, bounded in bytes, time and redirects.

What is fetched is data.  It may contain instructions to the model; the code that uses the text says so.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from typing import Literal

import aiohttp
from aiohttp import hdrs
from msgspec import Struct
from yarl import URL

from anyclaude.backends.http.way import headers_on_the_way
from anyclaude.backends.tls import why_untrusted
from anyclaude.errors import AnyclaudeError, InvalidSetting, WebToolFailed
from anyclaude.network import Network, ServerAddress
from anyclaude.worker_threads import in_thread_if_large

from .access import Fetched
from .body import BodyGarbled, BodyTooLarge, read_body
from .connections import arguments_of, open_session
from .domains import DomainFilter
from .guard import IsAllowed, Resolve, check_name, checked_addresses, is_public
from .page_text import ContentType, ReadsDocuments, as_utf8, content_type, decoded, plain_text

MAX_URL_CHARACTERS = 250
"""The limit of Anthropic's own fetch (docs: "Web fetch tool", errors); a longer one can leak what a model knows."""

MAX_REDIRECTS = 5
"""A page has two or three: to HTTPS, to `www`, and to its language."""

HEADERS = {
    "Accept": "text/html, application/xhtml+xml, application/pdf, text/*, application/json;q=0.9, */*;q=0.1",
    "User-Agent": "Mozilla/5.0 (compatible; anyclaude)",
}
"""Many servers refuse what does not begin as browsers do; the form with the name in brackets is that of robots."""

MAX_TITLE_CHARACTERS = 300

MAX_CHARACTERS = 2_000_000
"""500,000 tokens, half of the largest window in use; what the client allows is usually far less."""


class FetchLimits(Struct, frozen=True):
    """The limits of one fetch; `seconds` are those of the whole of it, the reading of the page included."""

    max_bytes: int = 10 * 1024 * 1024
    """A long PDF has some 5 MB; nothing larger fits into a window."""
    seconds: float = 20.0
    at_once: int = 4
    """Others wait; each may hold twice `max_bytes`."""


FETCH_LIMITS = FetchLimits()


class _Body(Struct, frozen=True):
    """What a server has sent."""

    url: URL
    content_type: ContentType
    data: bytes


class GuardedFetcher:
    """A `PageFetcher` for public hosts; made for one event loop."""

    def __init__(
        self,
        reader: ReadsDocuments,
        network: Network,
        *,
        limits: FetchLimits = FETCH_LIMITS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: Resolve | None = None,
        is_allowed: IsAllowed = is_public,
    ) -> None:
        """Take what reads HTML and PDF, and the ways; tests also say what names and addresses mean."""
        self._reader = reader
        self._network = network
        self._limits = limits
        self._now = now
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._turns = asyncio.Semaphore(limits.at_once)

    async def fetch(
        self,
        url: str,
        *,
        max_characters: int | None = None,
        allowed_domains: tuple[str, ...] = (),
        blocked_domains: tuple[str, ...] = (),
    ) -> Fetched:
        """
        Return the page at an address, its text cut to `max_characters`.

        Raises:
            WebToolFailed: when it may not or cannot be fetched, or not be read.
        """
        domains = DomainFilter(allowed_domains, blocked_domains)
        page = _parsed(url)
        async with self._turns:
            try:
                async with asyncio.timeout(self._limits.seconds):
                    body = await self._body(page, domains)
                    title, pages = await self._read(body, max_characters or MAX_CHARACTERS)
            except TimeoutError as error:
                raise _inaccessible(page, f"did not arrive within {self._limits.seconds:g} s") from error
        return Fetched(
            url=str(body.url),
            title=title,
            media_type=body.content_type.media_type,
            text="\n\n".join(pages)[:max_characters],
            pages=pages if body.content_type.kind == "pdf" else (),
            retrieved_at=self._now().isoformat(timespec="seconds"),
        )

    async def _body(self, url: URL, domains: DomainFilter) -> _Body:
        """Return what is at an address, or where it redirects to; each address is checked."""
        for _ in range(MAX_REDIRECTS + 1):
            if not domains.allows(url):
                raise WebToolFailed(
                    "url_not_allowed",
                    f"A page of {_site(url)} is not in a domain that this request allows. Use another page.",
                )
            answer = await self._answer(url)
            if isinstance(answer, _Body):
                return answer
            url = answer
        raise _inaccessible(url, f"comes after more than {MAX_REDIRECTS} redirects")

    async def _answer(self, url: URL) -> _Body | URL:
        """Return what a host answers: a body, or another address."""
        host = url.raw_host or ""
        scheme: Literal["http", "https"] = "https" if url.scheme == "https" else "http"
        address = ServerAddress(scheme=scheme, host=host, port=url.explicit_port)
        with _translated_errors(url, self._limits.max_bytes):
            way = self._network.way_to(address)
            if way.proxy is None:
                pinned = await checked_addresses(host, self._resolve, self._is_allowed)
            else:  # its address is the proxy's to find out
                check_name(host, self._is_allowed)
                pinned = None
            async with AsyncExitStack() as stack:
                session = await stack.enter_async_context(open_session(pinned))
                headers = {**HEADERS, **headers_on_the_way(address, way)}
                arguments = await arguments_of(address, way)
                request = session.get(url, headers=headers, allow_redirects=False, **arguments)
                response = await stack.enter_async_context(request)
                if (target := _redirect(url, response)) is not None:
                    return target
                _check_status(url, response)
                declared = content_type(response.headers.get(hdrs.CONTENT_TYPE, ""))
                _ = declared.kind  # nothing is read of what is not used
                return _Body(url, declared, await read_body(response, self._limits.max_bytes))

    async def _read(self, body: _Body, most: int) -> tuple[str | None, tuple[str, ...]]:
        """Return the title and the pages, with so many characters in all; HTML and text are one page."""
        data, declared = body.data, body.content_type
        if declared.kind == "text":
            text = await in_thread_if_large(len(data), lambda: plain_text(decoded(body.data, declared.charset), most))
            return None, (text,)
        if declared.kind == "html":
            data = await in_thread_if_large(len(data), lambda: as_utf8(body.data, declared.charset))
        try:
            document = await self._reader.read(declared.kind, data)
        except WebToolFailed:
            raise
        except AnyclaudeError as error:
            raise _inaccessible(body.url, f"was fetched, and cannot be read: {error}") from error
        size = sum(map(len, document.pages))
        pages = await in_thread_if_large(size, lambda: tuple(_cut(document.pages, most)))
        return plain_text(document.title or "", MAX_TITLE_CHARACTERS).replace("\n", " ").strip() or None, pages


def _parsed(text: str) -> URL:
    """Return an address that may be fetched, as far as its form shows it."""
    if len(text) > MAX_URL_CHARACTERS:
        raise WebToolFailed(
            "url_too_long",
            f"The address has {len(text)} characters, and {MAX_URL_CHARACTERS} are allowed. Use a shorter one.",
        )
    if not text.isprintable():
        raise WebToolFailed("invalid_tool_input", "The address has control characters. Write it without.")
    try:
        return _checked_form(URL(text.strip()))
    except ValueError as error:
        raise _no_address() from error


def _checked_form(url: URL) -> URL:
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise _no_address()
    if url.user is not None or url.password is not None:
        raise WebToolFailed("url_not_allowed", "The address has a user or a password. Write it without.")
    return url.with_fragment(None)


def _redirect(url: URL, response: aiohttp.ClientResponse) -> URL | None:
    """Return where an answer redirects to, `None` if it does not."""
    location = response.headers.get(hdrs.LOCATION)
    if response.status not in {301, 302, 303, 307, 308} or location is None:
        return None
    try:
        target = _checked_form(url.join(URL(location)))
    except ValueError as error:
        raise _inaccessible(url, "redirects to what is no address") from error
    if url.scheme == "https" and target.scheme == "http":
        raise WebToolFailed("url_not_allowed", f"{_site(url)} redirects from https to http, which is not followed.")
    return target


def _check_status(url: URL, response: aiohttp.ClientResponse) -> None:
    if response.status == 429:
        raise WebToolFailed("too_many_requests", f"{_site(url)} takes no more requests for now.")
    if not 200 <= response.status < 300:
        raise _inaccessible(url, f"was answered with status {response.status}")


def _cut(pages: Sequence[str], most: int) -> Iterator[str]:
    """Yield the pages that begin within the limit, without control characters."""
    for page in pages:
        yield plain_text(page, most)
        if (most := most - len(page)) <= 0:
            return


@contextmanager
def _translated_errors(url: URL, max_bytes: int) -> Iterator[None]:
    try:
        yield
    except BodyTooLarge as error:
        raise WebToolFailed(
            "content_too_large",
            f"A page of {_site(url)} has more than {max_bytes:,} bytes, which is more than is read.",
        ) from error
    except BodyGarbled as error:
        raise _inaccessible(url, f"cannot be read: {error}") from error
    except InvalidSetting as error:
        raise WebToolFailed("unavailable", f"A page of {_site(url)} was not fetched: {error}") from error
    except aiohttp.ClientConnectorCertificateError as error:
        fault = error.certificate_error
        why = why_untrusted(fault) if isinstance(fault, ssl.SSLCertVerificationError) else str(fault)
        raise _inaccessible(url, f"has a certificate that is not trusted: {why}") from error
    except aiohttp.ClientResponseError as error:  # in words, it has the whole address
        raise _inaccessible(url, f"was answered by what is no HTTP: {error.message}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _inaccessible(url, f"cannot be reached: {error}") from error


def _no_address() -> WebToolFailed:
    return WebToolFailed(
        "invalid_tool_input", "The call names no address of a page. Write it like https://example.com/page."
    )


def _inaccessible(url: URL, what: str) -> WebToolFailed:
    return WebToolFailed("url_not_accessible", f"A page of {_site(url)} {what}.")


def _site(url: URL) -> str:
    """Return what is said of an address, for the journal too: its path may have a key, or the words of a prompt."""
    return str(url.origin())
