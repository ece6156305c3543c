"""
The engine's process as on a machine with a graphics card: python engine_with_card.py FREE_BYTES FITTING_LAYERS

The library's list of devices is replaced by one with a card, and loading fails, as it does when a card's memory is
exhausted, if more layers are asked for than fit.  What loads is computed by the processor.
"""

import sys
from enum import Enum

import xllamacpp

from anyclaude.engine.__main__ import main


class CardKind(Enum):
    """The library's type of a card."""

    GGML_BACKEND_DEVICE_TYPE_GPU = 1


def card(free_bytes: int) -> dict[str, object]:
    """Return a card as the library lists it."""
    memory = {"memory_free": free_bytes, "memory_total": free_bytes}
    return {"name": "CUDA0", "description": "RTX", "type": CardKind.GGML_BACKEND_DEVICE_TYPE_GPU, **memory}


def add_card(free_bytes: int, fitting_layers: int) -> None:
    """Replace the list, and refuse more layers than fit."""
    devices, server = [card(free_bytes), *xllamacpp.get_device_info()], xllamacpp.Server

    def load(parameters: xllamacpp.CommonParams) -> xllamacpp.Server:
        is_fitted = parameters.fit_params and parameters.n_gpu_layers < 0
        if not is_fitted and parameters.n_gpu_layers > fitting_layers:
            raise RuntimeError("unable to allocate CUDA0 buffer")
        return server(parameters)

    xllamacpp.get_device_info = lambda: devices
    xllamacpp.Server = load


if __name__ == "__main__":
    add_card(*map(int, sys.argv[1:]))
    main()
