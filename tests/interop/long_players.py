"""All kinds of unequal gaps in all players, as objects of one clip, of two, with UTC decode times, and encrypted."""

import os
import tempfile
from pathlib import Path

import interop_browser
import interop_players as players
import support_told_time as told

from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.recording.target import DecodeTimes

CASES = list(told.CASES)[1:]
VARIANTS = ("one clip", "two clips", "utc", "cenc", "cbcs")
FORMS = ("hls", "dash", "mpd")


def add_arguments(parser):
    """No options of its own."""
    parser.add_argument("--only", help="part of the name of what to run")


def run(arguments, journal):
    """Play each case in each variant; the control, playlists over the stored objects, has to be wrong."""
    os.environ["CI"] = "true"  # what is missing is an error
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clip = told.make_clip(folder / "clip.mp4")
        other = told.make_clip(folder / "other.mp4", size=(480, 270), gop=40, scale=90_000)
        site = players.Site(folder)
        try:
            for variant in VARIANTS:
                for name in CASES:
                    key = f"{variant}: {name}"
                    if key in journal or (arguments.only and arguments.only not in key):
                        continue
                    journal.add(key, **_play(site, variant, name, clip, other))
                    print(key, journal.steps[key], flush=True)
        finally:
            site.close()
    wrong = [key for key, step in journal.steps.items() if step["wrong"] or not step["control"]]
    print(f"{sum(step['runs'] for step in journal.steps.values())} runs, wrong: {wrong or 'none'}")
    return 1 if wrong else 0


def _play(site, variant, name, clip, other):
    options = {
        "two clips": {"other": other},
        "utc": {"decode_times": DecodeTimes.UTC},
        "cenc": {"scheme": ProtectionScheme.CENC},
        "cbcs": {"scheme": ProtectionScheme.CBCS},
    }.get(variant, {})
    below = variant.replace(" ", "-")
    players.put_case(site.folder / below, name, clip, **options)
    forms = ("hls", "dash") if "scheme" in options else FORMS
    runs = [(name, player, f"{below}/{url}") for player, url in players.runs_of(name, forms)]
    control = []
    if "scheme" not in options:
        control = [(name, player, f"{below}/{players.place_of(name)}") for player in ("hls", "shaka")]
    browser = interop_browser.Browser()
    try:
        wrong = players.wrong_runs(site, browser, [*runs, *control])
    finally:
        browser.close()
    return {
        "runs": len(runs),
        "wrong": {" ".join(one[1:]): why for one, why in wrong.items() if one in runs},
        "control": [one[1] for one in control if one in wrong] if control else ["none"],
    }
