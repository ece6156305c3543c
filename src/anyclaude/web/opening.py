"""Makes of the user's choice what searches and fetches; loaded only if one of them is on."""

from contextlib import AsyncExitStack
from importlib.util import find_spec

from anyclaude.errors import InvalidSetting
from anyclaude.network import Network, parse_address
from anyclaude.secret import Secret

from .access import WebAccess
from .fetch import GuardedFetcher
from .options import WEB_EXTRA, WebOptions
from .page_text import ReadsDocuments
from .providers.brave import Brave
from .providers.duckduckgo import DuckDuckGo
from .providers.searxng import Searxng
from .providers.tavily import Tavily
from .search import SearchProvider


def opened_web(options: WebOptions, reader: ReadsDocuments, stack: AsyncExitStack) -> WebAccess:
    """
    Return what is switched on; nothing is contacted yet, and the stack closes what will be open.

    Raises:
        InvalidSetting: when a library is not installed, or a provider cannot be reached so.
    """
    if options.fetches and find_spec("trafilatura") is None:
        raise InvalidSetting(f"web_fetch needs the library trafilatura. Install it with `{WEB_EXTRA}` (docs/web.md)")
    search = None if options.search is None else _provider(options.search, options.search_key, options.network)
    if search is not None:
        stack.push_async_callback(search.close)
    return WebAccess(search, GuardedFetcher(reader, options.network) if options.fetches else None)


def _provider(name: str, key: Secret | None, network: Network) -> SearchProvider:
    match name:
        case "brave":
            return Brave(key or Secret(""), network)
        case "tavily":
            return Tavily(key or Secret(""), network)
        case "duckduckgo":
            return DuckDuckGo(network)
        case address:
            return Searxng(parse_address(address), network)
