"""How the gateway treats the tool calls of a model."""

from typing import Literal, TypeAlias

ToolCalls: TypeAlias = Literal["native", "repaired", "constrained"]
"""`native`: only what the server reports as a call is one, unchanged.  `repaired`: calls and thoughts that the model
wrote as text are recognised too, and arguments that do not fit a tool's schema are repaired where there is one way to.
`constrained`: in addition the engine is made to keep to the schema where it can: for calls that the client demands, and
once for a call that cannot be repaired."""

DEFAULT_TOOL_CALLS: ToolCalls = "constrained"
