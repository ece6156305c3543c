"""What the user has chosen of the web: the options, which are loaded at every start, unlike all that acts on them."""

from msgspec import Struct

from anyclaude.network import Network
from anyclaude.secret import Secret

KEY_VARIABLES = {"brave": "BRAVE_API_KEY", "tavily": "TAVILY_API_KEY"}
"""The providers that want a key, and the variables that their documentation keeps it in."""

PROVIDERS = (*KEY_VARIABLES, "duckduckgo")
"""The providers that have a name; a SearXNG has an address."""

WEB_EXTRA = "pip install 'anyclaude[web]'"
"""What installs the libraries of this package, which most users do without."""


class WebOptions(Struct, frozen=True, kw_only=True):
    """
    Whether and how the gateway searches and fetches; by default it does neither.

    `search` is one of `PROVIDERS` or the address of a SearXNG, `search_key` the key for it.
    """

    search: str | None = None
    search_key: Secret | None = None
    fetches: bool = False
    network: Network = Network()
    """The proxies and certificates on the way."""

    @property
    def is_on(self) -> bool:
        """Whether anything is switched on."""
        return self.search is not None or self.fetches
