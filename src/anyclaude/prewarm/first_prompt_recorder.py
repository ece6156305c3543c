"""Records the first prompt of every session, so that a later launch can evaluate it in advance."""

import asyncio

from anyclaude.bounded_dict import BoundedDict
from anyclaude.exchange import ExchangeEnded, ExchangeListener
from anyclaude.protocol.messages_request import MessagesRequest

from .first_prompt import first_prompt_of
from .first_prompt_store import FirstPromptStore
from .launches import LaunchKey

MAX_SESSIONS = 1_024
"""The number of sessions known to have begun.  Beyond it the oldest is forgotten; recording one again does no harm."""


class FirstPromptRecorder(ExchangeListener):
    """Records first prompts in `store` under `launch_key`, in another thread."""

    def __init__(self, store: FirstPromptStore, launch_key: LaunchKey) -> None:
        self._store = store
        self._launch_key = launch_key
        self._begun = BoundedDict[str, None](MAX_SESSIONS)
        self._recording: set[asyncio.Task[None]] = set()

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Record the request if it begins a main conversation."""
        request, caller = event.request, event.caller
        if request is None or caller.session is None or caller.session in self._begun or not request.tools:
            return
        if not caller.is_main_conversation:
            return
        self._begun[caller.session] = None
        task = asyncio.create_task(asyncio.to_thread(self._record, request, event.reported.input_tokens))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def stop(self) -> None:
        """Finish the recordings in progress; each writes one small file."""
        await asyncio.gather(*self._recording)

    def _record(self, request: MessagesRequest, tokens: int | None) -> None:
        if (prompt := first_prompt_of(request, self._launch_key, tokens)) is not None:
            self._store.keep(prompt)
