"""Whether models answer plain questions with our chat templates as well as with their own."""
