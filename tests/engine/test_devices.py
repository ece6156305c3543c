"""The library's list of devices, as it is in this environment and as it is with other builds of the library."""

from enum import Enum

import pytest
import xllamacpp

from anyclaude.engine.devices import Device, computing_gpus, listed_devices

GIB = 1 << 30


class LibraryKind(Enum):
    """The library's own types of devices, by the names that it gives them."""

    GGML_BACKEND_DEVICE_TYPE_CPU = 0
    GGML_BACKEND_DEVICE_TYPE_GPU = 1
    GGML_BACKEND_DEVICE_TYPE_IGPU = 2
    GGML_BACKEND_DEVICE_TYPE_ACCEL = 3


def listed(name: str, kind: str) -> dict[str, object]:
    return {
        "name": name,
        "description": f"the {name}",
        "memory_free": 7 * GIB,
        "memory_total": 8 * GIB,
        "type": LibraryKind[f"GGML_BACKEND_DEVICE_TYPE_{kind}"],
        "device_id": "",
        "caps": {"async": True},
    }


def test_the_library_lists_the_processor() -> None:
    devices = listed_devices(xllamacpp.get_device_info())

    assert [device.kind for device in devices if device.backend == "CPU"] == ["processor"]
    assert all(device.description and device.total_bytes for device in devices)


@pytest.mark.parametrize(
    ("name", "kind", "backend", "shares_memory"),
    [
        ("CUDA0", "GPU", "CUDA", False),
        ("ROCm1", "GPU", "ROCm", False),
        ("Vulkan0", "GPU", "Vulkan", False),
        ("Vulkan0", "IGPU", "Vulkan", True),
        ("MTL0", "GPU", "Metal", True),
        ("Metal", "GPU", "Metal", True),
    ],
)
def test_a_device_has_a_backend_and_a_memory(name: str, kind: str, backend: str, shares_memory: bool) -> None:
    (device,) = listed_devices([listed(name, kind)])

    assert (device.backend, device.shares_memory) == (backend, shares_memory)
    assert (device.description, device.free_bytes, device.total_bytes) == (f"the {name}", 7 * GIB, 8 * GIB)


@pytest.mark.parametrize(
    ("others", "computing"),
    [
        ((), []),
        ((("BLAS", "ACCEL"),), []),
        ((("MTL0", "GPU"), ("BLAS", "ACCEL")), ["MTL0"]),
        ((("Vulkan0", "IGPU"), ("Vulkan1", "GPU")), ["Vulkan1"]),
        ((("Vulkan0", "IGPU"),), ["Vulkan0"]),
        ((("CUDA0", "GPU"), ("CUDA1", "GPU")), ["CUDA0", "CUDA1"]),
    ],
)
def test_layers_go_to_cards_and_to_an_integrated_one_only_without_any(
    others: tuple[tuple[str, str], ...], computing: list[str]
) -> None:
    devices = listed_devices(listed(*one) for one in (*others, ("CPU", "CPU")))

    assert [device.name for device in computing_gpus(devices)] == computing


def test_a_device_of_a_type_that_is_not_known_gets_no_layers() -> None:
    unknown = {**listed("New0", "GPU"), "type": object(), "memory_free": None}

    assert listed_devices([unknown]) == (Device("New0", "the New0", "other", 0, 8 * GIB),)
    assert computing_gpus(listed_devices([unknown])) == ()
