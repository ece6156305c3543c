"""Whether the work of each step over text and JSON grows with its input and no faster, in instructions."""
