"""
Thoughts and tool calls that a model wrote into the text of its reply.

`filter` follows the text and decides where one may begin; `forms` has the forms that an opening tag announces, with
`tagged_parameters` and `gemma`; `loose_json` those without a tag; `calls` compares what was found with the tools that
were offered.  All of them read a `source`, which waits for text that has not arrived yet.
"""

from .filter import written_replies

__all__ = ["written_replies"]
