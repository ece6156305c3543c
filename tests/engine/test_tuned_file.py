"""What tuning found is kept for each engine, the newest first, and survives damage."""

import stat
from pathlib import Path

from anyclaude.engine.speculation import LONG
from anyclaude.engine.tuned_file import Finding, TunedFile
from anyclaude.engine.tuning import TunedOptions

FOUND = TunedOptions(threads=1, speculation=LONG, flash_attention=False)


def test_the_newest_finding_for_an_engine_counts(tmp_path: Path) -> None:
    file = TunedFile(tmp_path / "tuned.jsonl")
    file.keep(Finding("one", "a.gguf", TunedOptions(threads=8)))
    file.keep(Finding("one", "a.gguf", FOUND))
    file.keep(Finding("other", "b.gguf", TunedOptions(threads=2)))

    assert TunedFile(tmp_path / "tuned.jsonl").options_for("one") == FOUND
    assert stat.S_IMODE((tmp_path / "tuned.jsonl").stat().st_mode) == 0o600


def test_a_finding_without_options_forgets(tmp_path: Path) -> None:
    file = TunedFile(tmp_path / "tuned.jsonl")
    file.keep(Finding("one", "a.gguf", FOUND))
    file.keep(Finding("one", "a.gguf", TunedOptions()))

    assert file.options_for("one") == TunedOptions()


def test_damage_costs_the_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "tuned.jsonl"
    TunedFile(path).keep(Finding("one", "a.gguf", FOUND))
    path.write_bytes(path.read_bytes() + b'{"engine": "one", "options": {"threads": "many"}}\n')

    assert TunedFile(path).options_for("one") == FOUND
    assert TunedFile(tmp_path / "missing.jsonl").options_for("one") == TunedOptions()
