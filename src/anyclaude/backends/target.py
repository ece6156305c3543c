"""One model server as this run uses it: its kind, address, model and key."""

from base64 import b64encode
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.secret import Secret


class BackendTarget(Struct, frozen=True, kw_only=True):
    """
    The destination of requests.

    `models` maps the client's tiers (`opus`, `sonnet`, `haiku`, `subagent`) to names that the server knows; every
    other name means `model`.  `context_tokens` is the real window, `None` where it is unknown.
    """

    profile: BackendProfile
    base_url: str
    model: str
    models: dict[str, str] = {}
    api_key: Secret | None = None
    context_tokens: int | None = None
    parallel_requests: int = 1
    version: str | None = None
    """The version that the server reports."""
    awaited_because: str | None = None
    """Why the server cannot be used yet, and the rest is what is expected of it; `None` if it can be used."""

    @property
    def address(self) -> str:
        """The base URL without the credentials it may hold, so that it can be shown."""
        scheme, mark, rest = self.base_url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")

    @property
    def origin(self) -> str:
        """The root of the server; an address that cannot be used fails when a request is sent to it."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def authorization(self) -> Secret | None:
        """The value of the header that carries the key, or the credentials that stand in the address."""
        if self.api_key is not None:
            return Secret(f"Bearer {self.api_key.reveal()}")
        url = urlsplit(self.base_url)
        if not url.username:
            return None
        words = ":".join((unquote(url.username), unquote(url.password or "")))
        return Secret(f"Basic {b64encode(words.encode()).decode()}")

    def __repr__(self) -> str:
        return f"BackendTarget({self.profile.name}, {self.address}, {self.model})"
