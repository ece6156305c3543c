"""
DuckDuckGo, through the library `ddgs`, which reads the pages that DuckDuckGo makes for browsers without scripts.

DuckDuckGo has no API, and refuses programs that ask often.
"""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from tempfile import NamedTemporaryFile
from typing import TypeAlias
from urllib.parse import quote

from msgspec import Struct

from anyclaude.backends.tls import tls_context
from anyclaude.errors import AnyclaudeError, InvalidSetting, WebToolFailed
from anyclaude.network import Network, Proxy, ServerAddress, Way
from anyclaude.web.domains import DomainFilter
from anyclaude.web.hits import Found, usable_hits
from anyclaude.web.json_service import SEARCH_SECONDS
from anyclaude.web.languages import country_of, language_of
from anyclaude.web.options import WEB_EXTRA
from anyclaude.web.search import Hit, Query, checked_text
from anyclaude.worker_threads import in_daemon_thread

from .sites import with_sites

ADDRESS = ServerAddress(scheme="https", host="html.duckduckgo.com")
"""Where the library asks."""

LIBRARY = "ddgs"
ENGINE = "duckduckgo"
"""The one of the library's engines that is asked; its own choice would be some ten of them."""

EVERYWHERE = "wt-wt"
"""DuckDuckGo's code for no region."""

RESULTS = 20


class Question(Struct, frozen=True):
    """One search; `proxy` may have a password."""

    text: str
    region: str
    way: Way
    seconds: float


Find: TypeAlias = Callable[[Question], Sequence[Mapping[str, object]]]
"""Returns results with `title`, `href` and `body`; may take long, and raise anything."""


class DuckDuckGo:
    """Searches with DuckDuckGo."""

    name = "DuckDuckGo"

    def __init__(self, network: Network, find: Find | None = None, within_seconds: float = SEARCH_SECONDS) -> None:
        """
        Take what searches, by default the library.

        Raises:
            InvalidSetting: when the library is not installed.
        """
        if find is None and find_spec(LIBRARY) is None:
            raise InvalidSetting(
                f"web_search = duckduckgo needs the library {LIBRARY}. Install it with `{WEB_EXTRA}`, or choose "
                "another provider (docs/web.md)"
            )
        self._find = find or _found_by_library
        self._way = network.way_to(ADDRESS)
        self._within_seconds = within_seconds

    async def search(self, query: Query) -> tuple[Hit, ...]:
        """
        Return what is found.

        Raises:
            WebToolFailed: when DuckDuckGo cannot be asked, or does not answer.
        """
        domains = DomainFilter(query.allowed_domains, query.blocked_domains)
        language, country = language_of(query.location), country_of(query.location)
        region = f"{country}-{language}".lower() if language else EVERYWHERE
        question = Question(with_sites(checked_text(query), domains), region, self._way, self._within_seconds)
        try:
            async with asyncio.timeout(self._within_seconds):
                results = await in_daemon_thread(lambda: self._find(question))
        except TimeoutError as error:
            raise _failure(f"DuckDuckGo did not answer within {self._within_seconds:g} s") from error
        except AnyclaudeError as error:
            raise _failure(str(error)) from error
        except Exception as error:  # the library and those below it raise anything
            raise _failure(f"DuckDuckGo found nothing, or refuses programs for now ({error})") from error
        found = (Found(*(_text(result, name) for name in ("href", "title", "body"))) for result in results)
        return usable_hits(found, domains)

    async def close(self) -> None:
        """Nothing is open."""


def _text(result: Mapping[str, object], name: str) -> str | None:
    value = result.get(name)
    return value if isinstance(value, str) else None


def _found_by_library(question: Question) -> Sequence[Mapping[str, object]]:
    """Ask the library; it takes a proxy with its password in its address, and certificates in one file."""
    if ENGINE not in import_module(f"{LIBRARY}.engines").ENGINES["text"]:
        raise AnyclaudeError(f"this release of {LIBRARY} does not ask DuckDuckGo; it would ask others instead")
    with _certificates(question.way) as certificates:
        search = import_module(LIBRARY).DDGS(
            proxy=None if question.way.proxy is None else _written(question.way.proxy),
            timeout=int(question.seconds),
            verify=certificates or True,
        )
        found: Sequence[Mapping[str, object]] = search.text(
            question.text, region=question.region, max_results=RESULTS, backend=ENGINE
        )
        return found


def _written(proxy: Proxy) -> str:
    """Return a proxy's address with its user and password."""
    if proxy.authorization is None:
        return proxy.url
    user, _, password = b64decode(proxy.authorization.reveal().removeprefix("Basic ")).decode().partition(":")
    return proxy.url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@", 1)


@contextmanager
def _certificates(way: Way) -> Iterator[str | None]:
    """Yield a file of all that is trusted, for as long as the block; `None` if the system's certificates will do."""
    if not way.ca_files:
        yield None
        return
    with NamedTemporaryFile("w", suffix=".pem", encoding="ascii") as file:
        file.writelines(map(ssl.DER_cert_to_PEM_cert, tls_context(way).get_ca_certs(binary_form=True)))
        file.flush()
        yield file.name


def _failure(what: str) -> WebToolFailed:
    return WebToolFailed(
        "unavailable", f"The web search failed: {what}. Nothing was found, and nothing may be taken for a result."
    )
