"""MPEG-4 AAC."""
