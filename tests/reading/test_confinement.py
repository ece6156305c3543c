"""What the reading process may use."""

import subprocess
import sys

import pytest

from anyclaude.reading import confinement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")

CONFINED = "from anyclaude.reading.confinement import allow_cpu, confine\nconfine()\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run([sys.executable, "-c", CONFINED + code], check=False, capture_output=True, text=True)


def test_memory_has_a_bound() -> None:
    allowed = run(f"bytearray({confinement.MEMORY_BYTES // 2})")
    refused = run(f"bytearray({confinement.MEMORY_BYTES})")

    assert allowed.returncode == 0
    assert "MemoryError" in refused.stderr


def test_no_file_is_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("folder") / "file"

    refused = run(f"with open({str(file)!r}, 'wb', 0) as file: file.write(b'text')")

    assert "File too large" in refused.stderr
    assert file.read_text() == ""


@pytest.mark.slow
def test_a_loop_is_ended_when_its_time_is_over() -> None:
    ended = run("allow_cpu(0)\nwhile True: pass")

    assert ended.returncode == -24  # SIGXCPU
