"""The providers of web search: each turns a query into a question of its service, and the answer into hits."""
