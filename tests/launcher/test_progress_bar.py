"""The bar of a step whose size is unknown; `test_terminal.py` has the other one."""

import io

from anyclaude.launcher.progress_bar import ProgressBar


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


def test_a_step_of_unknown_size_shows_its_label_until_it_ends() -> None:
    stream = Screen()
    bar = ProgressBar(stream, "Loading [the model]", None)
    bar.advance(5)
    bar.close()

    assert "Loading [the model]" in stream.getvalue()
