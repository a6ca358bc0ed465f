"""Help for testing what reads boxes: strategies for Hypothesis, a mutator of files, a driver of other parsers.

``strategies`` needs the extra ``testing`` (hypothesis); ``files``, ``mutator`` and ``fuzz`` need nothing.
"""
