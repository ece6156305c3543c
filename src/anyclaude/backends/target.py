"""One model server as this run uses it: its kind, address, model and key."""

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

    @property
    def address(self) -> str:
        """The base URL without the credentials it may hold, so that it can be shown."""
        scheme, mark, rest = self.base_url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")

    def __repr__(self) -> str:
        return f"BackendTarget({self.profile.name}, {self.address}, {self.model})"
