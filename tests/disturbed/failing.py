"""The disturbed streams that fail today, with the line of the list of faults, and in which ways."""

ALL = ("CMAF camera", "CMAF arrival", "MP4 camera", "MP4 arrival")

FAILING: dict[str, tuple[int, tuple[str, ...]]] = {
    "stamps ±80 ms at 60 a second": (2, ALL),  # five pictures of jitter are taken for a clock that was set back
}
