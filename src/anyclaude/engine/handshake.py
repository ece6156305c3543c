"""Messages between the engine's process and the process that started it: JSON, one value per line."""

import msgspec

from .devices import Device
from .options import EngineOptions
from .sampling import Sampling


class Start(msgspec.Struct, frozen=True):
    """The only line the engine reads; it holds a secret, so it is neither an argument nor an environment variable."""

    model_file: str
    model_name: str
    context_tokens: int
    api_key: str
    options: EngineOptions
    suitable_sampling: Sampling = Sampling()
    """What suits the model, where neither the options nor the model file say."""
    has_prediction_heads: bool = False
    """Whether the model file brings heads that predict more than the next token."""
    found_draft_model: str | None = None
    """The draft model that lies beside the model; a model that cannot run with it runs without."""


class Devices(msgspec.Struct, frozen=True, tag=True):
    """The engine's process runs; this is what its library can compute on."""

    devices: tuple[Device, ...]


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The engine has read its `Start` line and is loading the model."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine is listening at `address`."""

    address: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine could not start and is exiting."""

    reason: str


Report = Devices | Loading | Ready | Failed
