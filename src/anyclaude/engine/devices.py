"""
The devices on which the engine's library can compute, as it lists them.

Only the engine's own process may load the library, which initializes the drivers; it reports the list.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

DeviceKind: TypeAlias = Literal["processor", "gpu", "integrated", "other"]
"""What a device is: the processor, a graphics card with memory of its own, one that shares the machine's, or what
llama.cpp gives no layers, such as a library for matrices."""

# The names of llama.cpp's `ggml_backend_dev_type` (ggml-backend.h, b11549).
_KINDS: Mapping[str, DeviceKind] = MappingProxyType(
    {
        "GGML_BACKEND_DEVICE_TYPE_CPU": "processor",
        "GGML_BACKEND_DEVICE_TYPE_GPU": "gpu",
        "GGML_BACKEND_DEVICE_TYPE_IGPU": "integrated",
    }
)
# llama.cpp names a device after its backend and a number: CUDA0, Vulkan1, ROCm0, MTL0.
_TITLES = MappingProxyType({"MTL": "Metal"})


class Device(Struct, frozen=True):
    """One device: the library's name for it, what it is, and its memory in bytes."""

    name: str
    description: str
    kind: DeviceKind
    free_bytes: int
    total_bytes: int

    @property
    def backend(self) -> str:
        """The technique by which it computes: CUDA, ROCm, Vulkan, Metal, CPU."""
        name = self.name.rstrip("0123456789")
        return _TITLES.get(name, name)

    @property
    def shares_memory(self) -> bool:
        """Whether its memory is the machine's: llama.cpp reports Apple's devices as cards, and they have none."""
        return self.kind == "integrated" or self.backend == "Metal"


def listed_devices(listed: Iterable[Mapping[str, object]]) -> tuple[Device, ...]:
    """Return the devices of the library's own list (`xllamacpp.get_device_info`)."""
    return tuple(
        Device(
            name=str(one["name"]),
            description=str(one["description"]),
            kind=_KINDS.get(getattr(one["type"], "name", ""), "other"),
            free_bytes=_bytes(one["memory_free"]),
            total_bytes=_bytes(one["memory_total"]),
        )
        for one in listed
    )


def computing_gpus(devices: Iterable[Device]) -> tuple[Device, ...]:
    """
    Return the devices that get layers: all cards, and only without any an integrated one.

    llama.cpp chooses them in the same way (`llama_prepare_model_devices`).
    """
    every = tuple(devices)
    cards = tuple(device for device in every if device.kind == "gpu")
    return cards or tuple(device for device in every if device.kind == "integrated")[:1]


def _bytes(value: object) -> int:
    return value if isinstance(value, int) else 0
