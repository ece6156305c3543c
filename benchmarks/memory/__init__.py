"""The gateway's memory under attack: what it takes at most, and what it gives back."""
