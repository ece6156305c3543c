"""
Why a prompt was, or was not, in the engine's cache.

After each reply, `analyser` compares the prompt with the stored ones (`prompt_store`), classifies the difference
(`classification`) and records a finding (`findings`).  `history` finds a recorded exchange and its finding again,
`report` and `advice` put them into words for `anyclaude explain`.  `diagnostics` answers the API's own question about
cache misses within a reply.
"""
