"""What compositions of disturbances are drawn from, by Hypothesis and by the long run."""

from fractions import Fraction

BASES = ("video", "sound and video", "all", "reordered with sound", "long groups", "29.97 a second")
"""Clean streams, by name."""
AT = (9.0, 12.3, 14.52)
"""Seconds of media at which something happens."""
OFF = (-37_600.0, -20.0, -9.0, -2.0, -0.5, 0.5, 2.0, 9.0, 20.0, 9_800.0)
"""Seconds by which a lone stamp is off; ``EVERY`` so many samples."""
EVERY = (50, 61, 75)
BY = (-25.0, -9.5, -3.0, -1.0, -0.3, 0.3, 1.0, 3.0, 9.5, 25.0)
"""Seconds by which a clock steps."""
SHAKEN = (0.005, 0.015, 0.044)
PAUSES = (0.4, 1.6, 4.0, 9.0, 11.0)
DRIFTS = tuple(Fraction(ppm, 1_000_000) for ppm in (-300, -50, 50, 300))
WALLS = (-120.0, 3_600.0, -56 * 365 * 86_400.0)
"""Seconds by which the camera's clock is off."""
AWAY = (0.0, 2.0, 12.0)
"""Seconds that a camera is away when it starts again."""
DELAYS = (0.05, 0.15)
STALLS = (1.0, 4.0)
