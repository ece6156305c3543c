"""What each diet sends."""
