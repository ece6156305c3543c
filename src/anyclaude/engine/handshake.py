"""What the engine's process and the one that started it say to each other: JSON, one value a line."""

import msgspec

from .options import EngineOptions


class Start(msgspec.Struct, frozen=True):
    """The only line the engine reads; it holds a secret, which is why it is neither an argument nor a variable."""

    model_file: str
    model_name: str
    context_tokens: int
    api_key: str
    options: EngineOptions


class Loading(msgspec.Struct, frozen=True, tag=True):
    """The engine has understood what to do and loads the model."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The engine listens."""

    address: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The engine could not start and ends."""

    why: str


Report = Loading | Ready | Failed
