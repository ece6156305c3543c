"""
Graphics cards that are in the machine, and that this build of the engine's library cannot use.

The library on PyPI computes on the processor alone, except on Macs; its makers' own index has builds for graphics
cards.  Cards are found on Linux, as its drivers show them.
"""

import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from .devices import Device
from .library import LIBRARY

Vendor: TypeAlias = Literal["NVIDIA", "AMD", "Intel"]

INDEX = "https://xorbitsai.github.io/xllamacpp/whl"
"""Of the library's builds for graphics cards (README of xllamacpp 2026.10.11549, "Installation")."""

# https://pci-ids.ucw.cz
_VENDORS: MappingProxyType[str, Vendor] = MappingProxyType({"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"})
# Intel's integrated cards are always in this place; its cards with memory of their own are behind a bridge.
_INTEL_INTEGRATED = "0000:00:02.0"
# What firmware sets aside for AMD's integrated cards is less, and a smaller card holds no model that can code.
_SMALLEST_MEMORY_BYTES = 3 << 30


class Gpu(Struct, frozen=True):
    """A graphics card, as its driver shows it."""

    vendor: Vendor
    name: str
    has_own_memory: bool
    """Whether it has enough of its own for a model; one that shares the machine's may be no faster."""
    build: str
    """The build of the library that can use it, by its name in the index."""
    needs: str
    """What that build needs on this machine."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.vendor} {self.name}"


def present_gpus(root: Path = Path("/")) -> tuple[Gpu, ...]:
    """Return the graphics cards whose driver is loaded; `root` is where the system's files are."""
    nvidia = tuple(_nvidia(root))
    return (*nvidia, *(gpu for gpu in _displays(root) if gpu.vendor != "NVIDIA" or not nvidia))


def unused_gpus(present: Iterable[Gpu], devices: Iterable[Device]) -> tuple[Gpu, ...]:
    """Return the graphics cards beside those that the library lists: none if it can use one that is worth it."""
    kinds = {device.kind for device in devices}
    if "gpu" in kinds:
        return ()
    return tuple(gpu for gpu in present if gpu.has_own_memory or "integrated" not in kinds)


def install_command(gpu: Gpu, python: str = sys.executable, *, has_pip: bool | None = None) -> str:
    """Return the command that replaces the library in this environment; those that uv makes have no pip."""
    has_pip = find_spec("pip") is not None if has_pip is None else has_pip
    index = f"--index-url {INDEX}/{gpu.build} {LIBRARY}"
    if has_pip:
        return f"{shlex.quote(python)} -m pip install --force-reinstall {index}"
    return f"uv pip install --python {shlex.quote(python)} --reinstall {index}"


def unused_because(gpu: Gpu) -> str:
    """Return why a graphics card is not used."""
    return f"the {gpu.title} is not used: this build of {LIBRARY} cannot compute on it"


def _nvidia(root: Path) -> Iterator[Gpu]:
    """
    Yield NVIDIA's cards, as NVIDIA's driver shows them, in Windows' subsystem for Linux too.

    The build for CUDA 12.8 has code for all of them since Maxwell (2014), the one for 13.2 only since Turing.
    """
    described = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    names = [_field(_text(file), "Model") or "graphics card" for file in described]
    marks = ("proc/driver/nvidia/version", "dev/nvidia0", "usr/lib/wsl/lib/libcuda.so.1")
    if not names and any((root / mark).exists() for mark in marks):
        names = ["graphics card"]
    for name in names:
        own_name = name.removeprefix("NVIDIA ")
        yield Gpu("NVIDIA", own_name, has_own_memory=True, build="cu128", needs="NVIDIA's driver, release 570 or newer")


def _displays(root: Path) -> Iterator[Gpu]:
    """Yield the cards that Linux's own drivers show."""
    for file in sorted((root / "sys/class/drm").glob("card*/device/vendor")):
        vendor, device = _VENDORS.get(_text(file).strip()), file.parent
        match vendor:
            case "AMD":
                yield _amd(root, _number(device / "mem_info_vram_total") >= _SMALLEST_MEMORY_BYTES)
            case "Intel":
                has_own_memory = device.resolve().name != _INTEL_INTEGRATED
                yield Gpu("Intel", "graphics card", has_own_memory, "vulkan", "a driver for Vulkan (Mesa)")
            case "NVIDIA":
                yield Gpu("NVIDIA", "graphics card", True, "cu128", "NVIDIA's own driver, which is not loaded")
            case None:
                pass


def _amd(root: Path, has_own_memory: bool) -> Gpu:
    """Return a card of AMD's with the build that fits the release of ROCm, and without ROCm the one for Vulkan."""
    release = _text(root / "opt/rocm/.info/version").strip().partition(".")[0]
    match release:
        case "7":
            build, needs = "rocm-7.2.4", "ROCm 7, and an RX 6000 or newer"
        case "6":
            build, needs = "rocm-6.4.1", "ROCm 6, and an RX 6000 or 7000"
        case _:
            build, needs = "vulkan", "a driver for Vulkan (Mesa)"
    return Gpu("AMD", "graphics card", has_own_memory, build, needs)


def _field(text: str, name: str) -> str:
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(f"{name}:")), "")


def _number(file: Path) -> int:
    text = _text(file).strip()
    return int(text) if text.isdecimal() else 0


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
