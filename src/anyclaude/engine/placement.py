"""
How a model is laid out: the window that its conversations get, and how many of its layers are on a graphics card.

The window comes first: it is chosen, and then as many layers are put on the card as fit there with their part of the
window.  Without a card the window is as large as the machine's memory allows.  With one, all layers should fit beside
it, but it never gets smaller for their sake than what Claude Code needs to work.
"""

from collections.abc import Sequence

from msgspec import Struct

from .devices import Device, computing_gpus
from .gguf import GgufMetadata
from .machine import affordable_tokens, memory_for_prompts, prompt_cache_mib
from .options import EngineOptions
from .recommended_models import WORKING_WINDOW_TOKENS

MARGIN_BYTES = (1024 + 512) << 20
"""
What stays free on each card.  1 GiB is llama.cpp's own margin (`--fit-target`): for the driver, the desktop, and a
layer more than its share, as layers are split over several cards by their memory.  512 MiB are for what is computed:
the largest part are the logits of a batch, 512 tokens with a vocabulary of 262,144 (Gemma 3), in 32 bits.
"""

# For a model file that does not state the context it was trained for; llama.cpp's own default.
_DEFAULT_TRAINED_TOKENS = 4096


class Placement(Struct, frozen=True):
    """
    The layout of a model.

    `context_tokens` is the window of each slot, `cache_ram_mib` the memory for prompts that have lost their slot.
    """

    context_tokens: int
    gpu_layers: int | None
    """How many layers are on the cards, the output counted as one; `None` where llama.cpp is to find out itself."""
    cache_ram_mib: int


def place(
    model: GgufMetadata, weights: int, memory: int, devices: Sequence[Device], options: EngineOptions
) -> Placement:
    """Return the layout of a model of `weights` bytes on a machine with `memory` bytes and these devices."""
    cards = computing_gpus(devices)
    rooms = [max(card.free_bytes - MARGIN_BYTES, 0) for card in cards]
    # Cards with memory of their own take so much of the weights, or of the window, off the machine.
    own = sum(room for card, room in zip(cards, rooms, strict=True) if not card.shares_memory)
    largest = _largest_window(model, memory_for_prompts(weights - own, memory), options)
    window, gpu_layers = largest, options.gpu_layers
    if rooms and gpu_layers is None:
        window = _window(model, weights, largest, sum(rooms), options)
        gpu_layers = _layers(model, weights, window, rooms, options)
        window = largest if gpu_layers == 0 else window
    on_cards = weights * _share(model, gpu_layers) if own else 0
    cache_ram_mib = prompt_cache_mib(memory_for_prompts(weights - int(on_cards), memory), memory)
    return Placement(
        context_tokens=window,
        gpu_layers=gpu_layers if cards else 0,
        cache_ram_mib=cache_ram_mib if options.cache_ram_mib is None else options.cache_ram_mib,
    )


def trained_tokens(model: GgufMetadata) -> int:
    """Return the context length that a model was trained for."""
    return model.context_tokens or _DEFAULT_TRAINED_TOKENS


def computed_on(devices: Sequence[Device], gpu_layers: int | None, layers: int | None, threads: int) -> str:
    """Return which devices compute a model of so many layers, for the user to read."""
    processor = f"the processor ({threads} {'thread' if threads == 1 else 'threads'})"
    cards = computing_gpus(devices)
    if not cards:
        return processor
    names = f"{cards[0].backend} ({', '.join(card.description for card in cards)})"
    if gpu_layers == 0:
        return f"{processor}; no layer fits on {names} beside its part of the window"
    if gpu_layers is None or layers is None:
        return f"{names}, with as many layers as fit"
    if gpu_layers >= layers:
        return f"{names}, with all {layers} layers"
    return f"{names}, with {gpu_layers} of {layers} layers, and on {processor}"


def _largest_window(model: GgufMetadata, for_prompts: int, options: EngineOptions) -> int:
    """Return the requested window, else as much as memory allows; at most the trained one."""
    trained = trained_tokens(model)
    if options.context_tokens is not None:
        return min(options.context_tokens, trained)
    if (bytes_per_token := _bytes_per_token(model, options)) is None:
        return trained
    return min(affordable_tokens(bytes_per_token * options.slots, for_prompts), trained)


def _bytes_per_token(model: GgufMetadata, options: EngineOptions) -> int | None:
    """Return the size of a token of context, as its keys and values are stored."""
    in_16_bits = model.kv_bytes_per_token
    return in_16_bits * 17 // 32 if in_16_bits is not None and options.kv_type == "q8_0" else in_16_bits


def _window(model: GgufMetadata, weights: int, largest: int, room: int, options: EngineOptions) -> int:
    """Return the window beside which all layers fit on the cards, and at least the one that Claude Code needs."""
    if options.context_tokens is not None or (bytes_per_token := _bytes_per_token(model, options)) is None:
        return largest
    beside_all_layers = (room - weights) // (bytes_per_token * options.slots)
    return min(largest, max(beside_all_layers, WORKING_WINDOW_TOKENS))


def _layers(model: GgufMetadata, weights: int, window: int, rooms: Sequence[int], options: EngineOptions) -> int | None:
    """
    Return how many layers fit on the cards, each with its part of the window.

    A layer keeps its keys and values where it is computed.  The weights count as if the layers had all of them, which
    is more than they have: the input's stay in the machine's memory.
    """
    layers, bytes_per_token = model.layers, _bytes_per_token(model, options)
    if layers is None or bytes_per_token is None:
        return None
    total = weights + bytes_per_token * options.slots * window
    if total <= sum(rooms):
        return layers + 1
    each = -(-total // layers)
    return sum(room // each for room in rooms)


def _share(model: GgufMetadata, gpu_layers: int | None) -> float:
    """Return the share of the weights that is on the cards; none where that is unknown."""
    return min(gpu_layers / model.layers, 1.0) if gpu_layers and model.layers else 0.0
