"""
The engine's own process: llama.cpp's server for one model, which ends with the process that started it.

It reports the library's devices, reads one `Start` line, then only waits for its standard input to end.  It writes
`Report` lines to its standard output; llama.cpp's output goes to its standard error, which is the log.
"""

import os
import select
import signal
import sys
from typing import BinaryIO

import msgspec
import xllamacpp
from msgspec import structs
from xllamacpp import common_speculative_type, ggml_type, llama_flash_attn_type

from .devices import listed_devices
from .handshake import Devices, Failed, Loading, Ready, Report, Start
from .machine import usable_cores
from .sampling import PARAMETERS, Sampling
from .speculation import OFF

try:
    import fcntl
except ImportError:  # Windows
    HAS_FCNTL = False
else:
    HAS_FCNTL = True

SAME_CONVERSATION_SHARE = 0.95
"""
The share of a prompt that a slot must already hold for the prompt to take the slot as it is; otherwise the slot's
content is first copied to the prompt cache in memory.  With llama.cpp's default of 0.1, two sub-agents, whose prompts
begin alike, overwrite each other: in a session of Claude Code 2.1.330 with two of them, 17,800 of 63,900 evaluated
tokens had been evaluated before, and with this share none (`benchmarks/cache`).  A prompt of which more than a
twentieth is new takes longer to evaluate than the rest takes to copy.
"""

BATCH_TOKENS = 512
"""
Tokens of a prompt that are evaluated between two checks whether its request was cancelled.  With llama.cpp's default of
2,048, a request that arrived while an abandoned prompt was evaluated waited 32 s on a busy machine (SmolLM2, two
cores); with 512 it waited 2 s.  The engine computes 512 tokens at a time in any case (`n_ubatch`), so prompts take no
longer: 33 s for 1,510 tokens either way.
"""

_KV_TYPES = {"f16": ggml_type.GGML_TYPE_F16, "q8_0": ggml_type.GGML_TYPE_Q8_0}


def main() -> None:
    """
    Serve the model named on standard input, until that input ends.

    Raises:
        SystemExit: with status 2 when the `Start` line is invalid, with 1 when llama.cpp cannot load the model.
    """
    os.umask(0o077)  # the slots it writes to disk hold conversations
    reports = _claim_standard_output()
    _report(reports, Devices(listed_devices(xllamacpp.get_device_info())))
    try:
        start = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    except msgspec.DecodeError as error:
        _report(reports, Failed(f"its start message is invalid: {error}"))
        raise SystemExit(2) from error
    _end_with_parent(sys.stdin.buffer)
    _report(reports, Loading())
    try:
        server = _server(start)
    except RuntimeError as error:
        _report(reports, Failed(str(error)))
        raise SystemExit(1) from error
    _report(reports, Ready(server.listening_address))
    _serve_until_end_of(sys.stdin.buffer)


def _claim_standard_output() -> BinaryIO:
    """Return the standard output for reports, and send what llama.cpp prints there to standard error instead."""
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return reports


def _report(reports: BinaryIO, report: Report) -> None:
    reports.write(msgspec.json.encode(report) + b"\n")


def _end_with_parent(parent: BinaryIO) -> None:
    """
    Have the kernel end this process when the other end of `parent` is closed, however its owner dies.

    A thread could not watch for this: loading a model holds Python's global interpreter lock throughout.  SIGIO ends a
    process that does not handle it; the kernel sends it for an end of file as for data, and no more data follows.
    Windows has nothing like it: there, the end is noticed when the model has been loaded.
    """
    if not HAS_FCNTL:
        return
    for ending in (signal.SIGTERM, signal.SIGIO):
        signal.signal(ending, signal.SIG_DFL)
    fcntl.fcntl(parent, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent, fcntl.F_SETFL, fcntl.fcntl(parent, fcntl.F_GETFL) | os.O_ASYNC)
    readable, _, _ = select.select([parent], [], [], 0)
    if readable:
        raise SystemExit("The process that started the engine has ended.")


def _serve_until_end_of(parent: BinaryIO) -> None:
    # Returns only where the kernel sends no SIGIO.  Exits without running destructors: llama.cpp's threads may be
    # computing, and no process is left to wait for them.
    parent.read()
    os._exit(0)


def _server(start: Start) -> xllamacpp.Server:
    """
    Return a server that runs, without the drafts that were found rather than asked for if it cannot run with them.

    Raises:
        RuntimeError: when llama.cpp cannot load the model.
    """
    try:
        return xllamacpp.Server(_parameters(start))
    except RuntimeError as error:
        without = structs.replace(start, has_prediction_heads=False, found_draft_model=None)
        if without == start:
            raise
        sys.stderr.write(f"It starts again without a draft model and prediction heads: {error}\n")
        return xllamacpp.Server(_parameters(without))


def _parameters(start: Start) -> xllamacpp.CommonParams:
    options = start.options
    parameters = xllamacpp.CommonParams()
    parameters.model.path = start.model_file
    parameters.model_alias = {start.model_name}
    parameters.chat_template = options.chat_template or ""
    parameters.n_parallel = options.slots
    parameters.n_ctx = start.context_tokens * options.slots
    parameters.fit_params = options.gpu_layers is None  # changes only what is not set, so not the context (b11549)
    if options.gpu_layers is not None:
        parameters.n_gpu_layers = options.gpu_layers
    threads = options.threads or usable_cores()
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    if options.cache_ram_mib is not None:
        parameters.cache_ram_mib = options.cache_ram_mib
    parameters.n_batch = BATCH_TOKENS
    if options.step_tokens is not None:
        parameters.n_ubatch = min(options.step_tokens, BATCH_TOKENS)
    if options.flash_attention is not None:
        attention = llama_flash_attn_type
        parameters.flash_attn_type = (
            attention.LLAMA_FLASH_ATTN_TYPE_ENABLED
            if options.flash_attention
            else attention.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
    if options.kv_type is not None:
        parameters.cache_type_k = parameters.cache_type_v = _KV_TYPES[options.kv_type]
    parameters.slot_prompt_similarity = SAME_CONVERSATION_SHARE
    _set_sampling(parameters, start.suitable_sampling, wins_over_model_file=False)
    _set_sampling(parameters, options.sampling or Sampling(), wins_over_model_file=True)
    _set_speculation(parameters, start)
    _restrict_access(parameters, start)
    return parameters


def _set_sampling(parameters: xllamacpp.CommonParams, sampling: Sampling, *, wins_over_model_file: bool) -> None:
    for field, (name, bit) in PARAMETERS.items():
        value = getattr(sampling, field)
        if value is not None:
            setattr(parameters.sampling, name, value)
            parameters.sampling.user_sampling_config |= bit if wins_over_model_file else 0


def _set_speculation(parameters: xllamacpp.CommonParams, start: Start) -> None:
    chosen = start.options.speculation or OFF
    if not chosen.draft_tokens:
        return
    kinds = [common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_MOD]
    repeated, drafted = parameters.speculative.ngram_mod, parameters.speculative.draft
    repeated.n_match, repeated.n_min, repeated.n_max = chosen.key_tokens, 1, chosen.draft_tokens
    drafted.n_max = chosen.draft_tokens
    if draft_model := start.options.draft_model or start.found_draft_model:
        kinds.append(common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE)
        drafted.mparams.path = draft_model
        for of_draft, of_model in (
            (drafted.cpuparams, parameters.cpuparams),
            (drafted.cpuparams_batch, parameters.cpuparams_batch),
        ):
            of_draft.n_threads = of_model.n_threads
    elif start.has_prediction_heads:
        kinds.append(common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_MTP)
        parameters.load_mtp = True
    parameters.speculative.types = kinds


def _restrict_access(parameters: xllamacpp.CommonParams, start: Start) -> None:
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [start.api_key]
    parameters.cors_origins = ""  # llama.cpp then allows no origin at all
    parameters.ui = False
    parameters.endpoint_slots = True
    if start.options.slot_save_folder is not None:
        parameters.slot_save_path = os.path.join(start.options.slot_save_folder, "")


if __name__ == "__main__":
    main()
