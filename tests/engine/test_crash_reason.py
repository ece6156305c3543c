"""The crash reason is taken from the last errors in the engine's log."""

from pathlib import Path

from anyclaude.engine.crash_reason import crash_reason

# Written by llama.cpp b11549 when its model file ended too early.
TRUNCATED_MODEL = """\
0.00.005.983 I srv          init: loading model
0.00.047.922 E llama_model_load: error loading model: tensor 'blk.6.ffn_down.weight' data is not within the file bounds
0.00.047.953 E llama_model_load_from_file_impl: failed to load model
0.00.047.958 E cmn  common_init_: failed to load model 'bad3.gguf'
0.00.047.961 E srv    load_model: failed to load model, 'bad3.gguf'
0.00.047.966 I srv    operator(): operator(): cleaning up before exit...
0.00.048.623 E srv          init: exiting due to model loading error
"""


def test_the_cause_is_returned_without_the_errors_that_follow_from_it(tmp_path: Path) -> None:
    assert crash_reason(log_with(tmp_path, TRUNCATED_MODEL)) == (
        "error loading model: tensor 'blk.6.ffn_down.weight' data is not within the file bounds."
    )


def test_only_the_last_two_errors_are_returned(tmp_path: Path) -> None:
    log = log_with(tmp_path, "".join(f"0.00.000.00{n} E ggml: number {n}\n" for n in range(5)))

    assert crash_reason(log) == "number 3. number 4."


def test_lines_in_another_format_count_as_errors(tmp_path: Path) -> None:
    log = log_with(tmp_path, "0.00.000.001 I srv: all is well\nterminate called after throwing 'std::bad_alloc'\n")

    assert crash_reason(log) == "terminate called after throwing 'std::bad_alloc'."


def test_a_log_without_errors_has_no_crash_reason(tmp_path: Path) -> None:
    assert crash_reason(log_with(tmp_path, "0.00.000.001 I srv: all is well\n0.00.000.002 W srv: or nearly\n")) == ""


def test_a_missing_log_has_no_crash_reason(tmp_path: Path) -> None:
    assert crash_reason(tmp_path / "missing.log") == ""


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = log_with(tmp_path, "0.0 E ggml: long ago\n" + "0.0 I srv: fine\n" * 10_000)

    assert crash_reason(log) == ""


def log_with(folder: Path, text: str) -> Path:
    """Write `text` to a log file and return its path."""
    log = folder / "engine.log"
    log.write_text(text)
    return log
