"""The matrix in the documentation shows what the tests show, and nothing else."""

import subprocess
import sys

from .claims import contradictions
from .matrix import BEGIN, END, PAGE, matrix, page_with
from .servers import LLAMA_SERVER, MLX_LM


def test_the_page_has_the_matrix_that_the_tests_make() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.real_servers", "matrix", "--print"], capture_output=True, text=True, check=True
    )

    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with(made.stdout, page), "uv run python -m tests.real_servers matrix"


def test_a_cell_says_how_its_capability_is_shown() -> None:
    table = matrix({(LLAMA_SERVER.name, "found"): {"real", "scripted"}, ("Ollama", "found"): {"scripted"}})

    found = next(line for line in table.splitlines() if line.startswith("| found"))
    cells = [cell.strip() for cell in found.split("|")]
    assert (cells[2], cells[8], cells[9], cells[-2]) == ("**real**", "", "scripted", "unsupported (1)")


def test_what_a_test_shows_is_not_called_impossible() -> None:
    name = next(iter(MLX_LM.cannot))

    assert contradictions([(MLX_LM.name, name), (LLAMA_SERVER.name, "text")]) == [(MLX_LM.name, name)]


def test_only_the_matrix_of_a_page_is_replaced() -> None:
    assert page_with("new\n", f"before{BEGIN}old{END}after") == f"before{BEGIN}\nnew\n\n{END}after"
