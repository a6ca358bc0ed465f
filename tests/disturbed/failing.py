"""The disturbed streams that fail today, with the line of the list of faults, and in which ways."""

ALL = ("CMAF camera", "CMAF arrival", "MP4 camera", "MP4 arrival")

FAILING: dict[str, tuple[int, tuple[str, ...]]] = {}
