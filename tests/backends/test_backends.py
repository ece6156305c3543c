"""The package as a whole."""

import subprocess
import sys


def test_the_seam_is_imported_without_the_http_library() -> None:
    program = "import sys, anyclaude.backends; sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
