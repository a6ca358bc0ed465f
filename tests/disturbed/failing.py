"""The disturbed streams that fail today, with the line of the list of faults, and in which ways."""

ALL = ("CMAF camera", "CMAF arrival", "MP4 camera", "MP4 arrival")

FAILING: dict[str, tuple[int, tuple[str, ...]]] = {
    "stamps ±80 ms at 60 a second": (2, ALL),  # five pictures of jitter are taken for a clock that was set back
    # a reading of arrival from before the step is taken for one of the counter behind it
    "the counter steps -25 s": (4, ("CMAF arrival", "MP4 arrival")),
    "only the sound steps": (4, ("CMAF arrival", "MP4 arrival")),  # arrival is estimated for all tracks together
    "only the pictures step": (4, ("CMAF arrival", "MP4 arrival")),
}
