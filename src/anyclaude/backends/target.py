"""One model server as this run uses it: its kind, address, model and key."""

from msgspec import Struct

from anyclaude.network import DIRECT, ServerAddress, Way, parse_address
from anyclaude.profiles import BackendProfile
from anyclaude.secret import Secret


class BackendTarget(Struct, frozen=True, kw_only=True):
    """
    The destination of requests.

    `models` maps the client's tiers (`opus`, `sonnet`, `haiku`, `subagent`), and `vision` for what describes pictures,
    to names that the server knows; every other name means `model`.  `context_tokens` is the real window, `None` where
    it is unknown.
    """

    profile: BackendProfile
    base_url: str
    model: str
    models: dict[str, str] = {}
    api_key: Secret | None = None
    available_models: tuple[str, ...] = ()
    """The models that the server lists and that can chat: a request may name any of them."""
    context_tokens: int | None = None
    windows: dict[str, int] = {}
    """The windows of models that the server reports one for, by name; `context_tokens` is that of `model`."""
    parallel_requests: int = 1
    way: Way = DIRECT
    """How the server is reached."""
    is_router: bool = False
    """Whether the server loads and unloads models by itself, so that a fact is one of a model, not of the server."""
    computed_on: str = ""
    """The devices that compute, in words; only of the embedded engine is that known."""
    notes: tuple[str, ...] = ()
    """Sentences for the user to read at the start."""
    version: str | None = None
    """The version that the server reports."""
    awaited_because: str | None = None
    """Why the server cannot be used yet, and the rest is what is expected of it; `None` if it can be used."""
    is_fallback: bool = False
    """Whether it is used only if the servers before it fail; its settings are those of a fallback."""

    def window_of(self, model: str) -> int | None:
        """Return the window that is known for a model, `None` where it is unknown."""
        return self.context_tokens if model == self.model else self.windows.get(model)

    def checked_window(self, model: str) -> int | None:
        """Return the window that a prompt for a model is checked against: its own, else that of the main model."""
        return self.windows.get(model, self.context_tokens) if model != self.model else self.context_tokens

    @property
    def endpoint(self) -> ServerAddress:
        """The base URL, taken apart.  Raises `InvalidSetting`."""
        return parse_address(self.base_url)

    @property
    def address(self) -> str:
        """The base URL without what may be secret in it, so that it can be shown."""
        return self.endpoint.shown

    @property
    def address_setting(self) -> str:
        """The flag that sets the address."""
        return "--fallbacks" if self.is_fallback else "--backend-url"

    @property
    def model_setting(self) -> str:
        """The flag that names the model."""
        return "--fallbacks SERVER#MODEL" if self.is_fallback else "--model"

    @property
    def authorization(self) -> Secret | None:
        """The value of the header that carries the key, or the credentials that stand in the address."""
        if self.api_key is not None:
            return Secret(f"Bearer {self.api_key.reveal()}")
        return self.endpoint.credentials

    def __repr__(self) -> str:
        return f"BackendTarget({self.profile.name}, {self.address}, {self.model})"
