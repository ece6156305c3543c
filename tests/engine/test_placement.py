"""The window comes first, then as many layers as fit beside it; the engine's list of devices is replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.engine import EngineOptions
from anyclaude.engine.devices import Device
from anyclaude.engine.gguf import GgufMetadata
from anyclaude.engine.machine import affordable_tokens, memory_for_prompts, prompt_cache_mib
from anyclaude.engine.placement import MARGIN_BYTES, Placement, computed_on, place
from anyclaude.engine.recommended_models import WORKING_WINDOW_TOKENS

GIB = 1 << 30
LAYERS = 32
TRAINED = 131_072
TOKEN_BYTES = 2 * LAYERS * 8 * (128 + 128)
"""Of a model like Llama 3.1 8B: a window of 8,192 tokens takes 1 GiB."""
WEIGHTS = 5 * GIB

MODEL = GgufMetadata(
    {
        "general.architecture": "llama",
        "llama.block_count": LAYERS,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "llama.embedding_length": 4096,
        "llama.context_length": TRAINED,
    }
)
PROCESSOR = Device("CPU", "Some processor", "processor", 64 * GIB, 64 * GIB)


def card(free: int, name: str = "CUDA0") -> Device:
    return Device(name, "RTX", "gpu", free, free)


def placed(*devices: Device, memory: int = 64 * GIB, options: EngineOptions | None = None) -> Placement:
    return place(MODEL, WEIGHTS, memory, (*devices, PROCESSOR), options or EngineOptions())


def bytes_on_cards(placement: Placement, slots: int = 1) -> int:
    """Return what the layers on the cards take at most, with their part of the window."""
    total = WEIGHTS + TOKEN_BYTES * slots * placement.context_tokens
    return total * min(placement.gpu_layers or 0, LAYERS) // LAYERS


@pytest.mark.parametrize("memory", [8 * GIB, 16 * GIB, 64 * GIB])
def test_without_a_card_the_window_is_what_the_machine_s_memory_allows(memory: int) -> None:
    for_prompts = memory_for_prompts(WEIGHTS, memory)

    assert placed(memory=memory) == Placement(
        context_tokens=min(affordable_tokens(TOKEN_BYTES, for_prompts), TRAINED),
        gpu_layers=0,
        cache_ram_mib=prompt_cache_mib(for_prompts, memory),
    )


def test_a_large_card_gets_all_layers_the_output_and_the_whole_window() -> None:
    assert placed(card(24 * GIB)) == Placement(context_tokens=TRAINED, gpu_layers=LAYERS + 1, cache_ram_mib=8192)


def test_the_window_grows_to_what_the_card_has_left_beside_all_layers() -> None:
    placement = placed(card(12 * GIB))

    assert placement.gpu_layers == LAYERS + 1
    assert placement.context_tokens == (12 * GIB - MARGIN_BYTES - WEIGHTS) // TOKEN_BYTES
    assert placement.context_tokens > WORKING_WINDOW_TOKENS


def test_a_small_card_gets_fewer_layers_and_not_a_smaller_window() -> None:
    placement = placed(card(8 * GIB))

    assert placement.context_tokens == WORKING_WINDOW_TOKENS
    assert placement.gpu_layers == 23  # 6.5 GiB of the 9 GiB that weights and window take


def test_a_window_that_was_asked_for_is_kept_whatever_it_costs_in_layers() -> None:
    wide = placed(card(8 * GIB), options=EngineOptions(context_tokens=TRAINED))
    narrow = placed(card(8 * GIB), options=EngineOptions(context_tokens=8192))

    assert (wide.context_tokens, wide.gpu_layers) == (TRAINED, 9)
    assert (narrow.context_tokens, narrow.gpu_layers) == (8192, LAYERS + 1)


def test_each_slot_has_a_window_of_its_own_on_the_card() -> None:
    one, two = (placed(card(12 * GIB), options=EngineOptions(slots=slots)) for slots in (1, 2))

    assert two.context_tokens == WORKING_WINDOW_TOKENS
    assert two.gpu_layers == 25
    assert one.gpu_layers == LAYERS + 1


def test_a_card_without_room_for_a_layer_changes_nothing() -> None:
    assert placed(card(MARGIN_BYTES)) == placed()


def test_several_cards_are_filled_each_with_whole_layers() -> None:
    both = placed(card(5 * GIB), card(5 * GIB, "CUDA1"))

    assert both.context_tokens == WORKING_WINDOW_TOKENS
    assert both.gpu_layers == 2 * 12  # of 288 MiB, in 3.5 GiB each


@pytest.mark.parametrize("device", [card(20 * GIB, "MTL0"), Device("Vulkan0", "An APU", "integrated", 20 * GIB, 0)])
def test_where_the_memory_is_the_machine_s_the_window_leaves_it_what_it_needs(device: Device) -> None:
    placement = placed(device, memory=24 * GIB)

    assert placement.gpu_layers == LAYERS + 1
    assert placement.context_tokens == affordable_tokens(TOKEN_BYTES, memory_for_prompts(WEIGHTS, 24 * GIB))
    assert placement.cache_ram_mib == placed(memory=24 * GIB).cache_ram_mib


def test_weights_on_a_card_leave_the_machine_s_memory_to_kept_prompts() -> None:
    assert placed(memory=8 * GIB).cache_ram_mib == 341
    assert placed(card(24 * GIB), memory=8 * GIB).cache_ram_mib == 2048


def test_layers_are_left_to_llama_cpp_where_the_size_of_a_token_is_unknown() -> None:
    unknown = GgufMetadata({"general.architecture": "mamba", "mamba.block_count": 24, "mamba.context_length": 4096})

    assert place(unknown, WEIGHTS, 64 * GIB, (card(24 * GIB),), EngineOptions()).gpu_layers is None
    assert place(unknown, WEIGHTS, 64 * GIB, (PROCESSOR,), EngineOptions()).gpu_layers == 0


def test_the_number_of_layers_and_the_memory_for_prompts_can_be_set() -> None:
    set_ones = EngineOptions(gpu_layers=7, cache_ram_mib=99)

    placement = placed(card(24 * GIB), options=set_ones)

    assert (placement.gpu_layers, placement.cache_ram_mib) == (7, 99)


@given(
    free=st.lists(st.integers(0, 48 * GIB), max_size=3),
    memory=st.integers(2 * GIB, 128 * GIB),
    slots=st.integers(1, 4),
    wanted=st.none() | st.integers(1, TRAINED),
)
def test_what_is_on_the_cards_fits_and_the_window_is_never_given_up_for_layers(
    free: list[int], memory: int, slots: int, wanted: int | None
) -> None:
    options = EngineOptions(slots=slots, context_tokens=wanted)
    cards = [card(size, f"CUDA{number}") for number, size in enumerate(free)]
    placement = placed(*cards, memory=memory, options=options)
    room = sum(max(size - MARGIN_BYTES, 0) for size in free)
    without = placed(memory=memory, options=options)

    assert bytes_on_cards(placement, slots) <= room
    assert placement.context_tokens >= min(without.context_tokens, wanted or WORKING_WINDOW_TOKENS)
    assert placement.context_tokens <= TRAINED


@pytest.mark.parametrize(
    ("devices", "gpu_layers", "words"),
    [
        ((), 0, "the processor (2 threads)"),
        ((card(GIB),), 0, "the processor (2 threads); no layer fits on CUDA (RTX) beside its part of the window"),
        ((card(GIB),), 12, "CUDA (RTX), with 12 of 32 layers, and on the processor (2 threads)"),
        ((card(GIB),), 33, "CUDA (RTX), with all 32 layers"),
        ((card(GIB), card(GIB, "CUDA1")), 33, "CUDA (RTX, RTX), with all 32 layers"),
        ((card(GIB, "MTL0"),), 33, "Metal (RTX), with all 32 layers"),
        ((card(GIB, "Vulkan0"),), None, "Vulkan (RTX), with as many layers as fit"),
    ],
)
def test_what_computes_is_said(devices: tuple[Device, ...], gpu_layers: int | None, words: str) -> None:
    assert computed_on((*devices, PROCESSOR), gpu_layers, LAYERS, 2) == words
    assert computed_on((PROCESSOR,), gpu_layers, LAYERS, 1) == "the processor (1 thread)"


def test_keys_and_values_of_8_bits_leave_room_for_a_larger_window() -> None:
    in_16_bits = placed(card(12 * GIB))
    in_8_bits = placed(card(12 * GIB), options=EngineOptions(kv_type="q8_0"))

    assert in_8_bits.context_tokens == pytest.approx(in_16_bits.context_tokens * 32 / 17, rel=0.001)
