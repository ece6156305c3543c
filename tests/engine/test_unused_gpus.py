"""Graphics cards that the library cannot use are found by their drivers' files, and named with a command."""

from pathlib import Path

import pytest

from anyclaude.engine.devices import Device
from anyclaude.engine.unused_gpus import Gpu, install_command, present_gpus, unused_because, unused_gpus

GIB = 1 << 30
CARD = Gpu("NVIDIA", "GeForce RTX 3090", True, "cu128", "a driver")
SHARED = Gpu("Intel", "graphics card", False, "vulkan", "a driver")


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def add_display(root: Path, number: int, vendor: str, place: str = "0000:01:00.0", memory: int | None = None) -> None:
    """Add a card as Linux's drivers show it, with the connector that it has beside it."""
    device = root / "sys/devices" / place
    write(device / "vendor", f"{vendor}\n")
    if memory is not None:
        write(device / "mem_info_vram_total", f"{memory}\n")
    card = root / f"sys/class/drm/card{number}"
    card.mkdir(parents=True)
    (card / "device").symlink_to(device)
    write(root / f"sys/class/drm/card{number}-DP-1/status", "connected\n")


def listed(kind: str) -> Device:
    return Device("Vulkan0", "a card", "gpu" if kind == "gpu" else "integrated", GIB, GIB)


def test_a_machine_without_graphics_has_none(tmp_path: Path) -> None:
    add_display(tmp_path, 0, "0x1234")  # QEMU's

    assert present_gpus(tmp_path) == ()


def test_nvidia_s_cards_are_those_of_nvidia_s_driver_and_are_not_counted_twice(tmp_path: Path) -> None:
    add_display(tmp_path, 0, "0x10de")
    for bus, name in (("01", "NVIDIA GeForce RTX 3090"), ("02", "NVIDIA RTX A2000")):
        write(tmp_path / f"proc/driver/nvidia/gpus/0000:{bus}:00.0/information", f"Model: \t\t {name}\nIRQ:   \t 1\n")

    found = present_gpus(tmp_path)

    assert [gpu.title for gpu in found] == ["NVIDIA GeForce RTX 3090", "NVIDIA RTX A2000"]
    assert {(gpu.build, gpu.has_own_memory) for gpu in found} == {("cu128", True)}


@pytest.mark.parametrize("mark", ["proc/driver/nvidia/version", "dev/nvidia0", "usr/lib/wsl/lib/libcuda.so.1"])
def test_nvidia_s_driver_is_seen_where_it_names_no_card(tmp_path: Path, mark: str) -> None:
    write(tmp_path / mark, "")

    assert [gpu.title for gpu in present_gpus(tmp_path)] == ["NVIDIA graphics card"]


def test_a_card_of_nvidia_s_without_its_driver_needs_that_first(tmp_path: Path) -> None:
    add_display(tmp_path, 0, "0x10de")

    (gpu,) = present_gpus(tmp_path)

    assert (gpu.title, gpu.needs) == ("NVIDIA graphics card", "NVIDIA's own driver, which is not loaded")


@pytest.mark.parametrize(
    ("release", "build"),
    [("7.2.4-193\n", "rocm-7.2.4"), ("6.4.1-83", "rocm-6.4.1"), ("5.7.0", "vulkan"), (None, "vulkan")],
)
def test_amd_s_cards_get_the_build_for_the_rocm_that_is_installed(
    tmp_path: Path, release: str | None, build: str
) -> None:
    add_display(tmp_path, 1, "0x1002", memory=16 * GIB)
    if release is not None:
        write(tmp_path / "opt/rocm/.info/version", release)

    assert [(gpu.vendor, gpu.build, gpu.has_own_memory) for gpu in present_gpus(tmp_path)] == [("AMD", build, True)]


@pytest.mark.parametrize(
    ("vendor", "place", "memory", "has_own_memory"),
    [
        ("0x1002", "0000:05:00.0", GIB // 2, False),
        ("0x1002", "0000:05:00.0", None, False),
        ("0x8086", "0000:00:02.0", None, False),
        ("0x8086", "0000:03:00.0", None, True),
    ],
)
def test_a_card_that_shares_the_machine_s_memory_is_told_from_one_with_its_own(
    tmp_path: Path, vendor: str, place: str, memory: int | None, has_own_memory: bool
) -> None:
    add_display(tmp_path, 0, vendor, place, memory)

    assert [gpu.has_own_memory for gpu in present_gpus(tmp_path)] == [has_own_memory]


@pytest.mark.parametrize(
    ("devices", "unused"),
    [
        ((), (CARD, SHARED)),
        ((listed("gpu"),), ()),
        ((listed("integrated"),), (CARD,)),
    ],
)
def test_a_card_is_unused_if_the_library_lists_none_that_is_as_good(
    devices: tuple[Device, ...], unused: tuple[Gpu, ...]
) -> None:
    assert unused_gpus((CARD, SHARED), devices) == unused


def test_the_command_installs_the_build_in_this_environment() -> None:
    index = "--index-url https://xorbitsai.github.io/xllamacpp/whl/cu128 xllamacpp"

    assert install_command(CARD, "/env/bin/python", has_pip=True) == (
        f"/env/bin/python -m pip install --force-reinstall {index}"
    )
    assert install_command(CARD, "/env/bin/python", has_pip=False) == (
        f"uv pip install --python /env/bin/python --reinstall {index}"
    )


def test_a_card_that_is_not_used_is_named_with_the_reason() -> None:
    assert unused_because(CARD) == (
        "the NVIDIA GeForce RTX 3090 is not used: this build of xllamacpp cannot compute on it"
    )
