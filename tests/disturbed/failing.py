"""The disturbed streams that fail today, with the line of the list of faults, and in which ways."""

FAILING: dict[str, tuple[int, tuple[str, ...]]] = {}
