"""What is a sample? Tracks, samples and codecs; see ``track`` and ``codec``."""
