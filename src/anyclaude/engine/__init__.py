"""
The embedded engine: llama.cpp in a process of its own, and the weights it runs.

`weights.locate_model` finds or fetches a model, `embedded.start_engine` runs it, `options.EngineOptions` says how, and
`progress.Progress` hears how it goes.  Nothing is imported here: the engine's process is this package too, and
needs none of what its starter needs.
"""
