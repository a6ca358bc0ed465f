"""The disturbed streams that fail today, with the line of the list of faults, and in which ways."""

ALL = ("CMAF camera", "CMAF arrival", "MP4 camera", "MP4 arrival")

FAILING: dict[str, tuple[int, tuple[str, ...]]] = {
    "only the sound steps": (4, ("CMAF arrival", "MP4 arrival")),  # arrival is estimated for all tracks together
    "only the pictures step": (4, ("CMAF arrival", "MP4 arrival")),
}
