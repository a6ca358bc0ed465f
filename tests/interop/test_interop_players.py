"""Recordings whose tracks have different gaps play in step: HLS in hls.js, shaka-player and ffmpeg, DASH in dash.js and
shaka-player. The picture and the sound tell their own UTC; times of the player, its date and both have to agree."""

import subprocess
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import interop_browser
import interop_players as players
import interop_tools as tools
import pytest
import support_told_time as told
from support_tools import need

from onvif_bmff.cenc.scheme import ProtectionScheme

pytestmark = pytest.mark.interop

CASES = ("c4 audio-only span", "c6 gaps that cross")
"""What plays in browsers here, in MP4 and in CMAF; ``python -m tests.long players`` plays all."""
ENCRYPTED = "c2 sound lost"
CONTROL = (("c1 video lost", "hls"), ("c4 audio-only span", "shaka"))
BY_FFMPEG = ("c1 video lost", "c4 audio-only span", "c7 video-only span")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """For each case a store, and what the command makes of it; ``place`` is the form that does not do."""
    made = players.Site(tmp_path_factory.mktemp("site"))
    clip = told.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")
    for name in {*CASES, *BY_FFMPEG, *(name for name, _ in CONTROL)}:
        players.put_case(made.folder, name, clip)
    players.put_case(made.folder / "encrypted", ENCRYPTED, clip, scheme=ProtectionScheme.CENC)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser():
    made = interop_browser.Browser()
    yield made
    made.close()


def test_gaps_that_differ_play_in_step(site, browser):
    """HLS and DASH of MP4 objects over copies; of CMAF, DASH over the stored objects."""
    runs = [(name, player, url) for name in CASES for player, url in players.runs_of(name)]
    assert not players.wrong_runs(site, browser, runs)


def test_clear_copies_of_encrypted_recordings_do_and_stored_objects_do_not(site, browser):
    """The control: the same check finds playlists over the objects wrong, where gaps differ."""
    runs = [(ENCRYPTED, player, f"encrypted/{url}") for player, url in players.runs_of(ENCRYPTED)]
    control = [(name, player, players.place_of(name)) for name, player in CONTROL]
    wrong = players.wrong_runs(site, browser, [*runs, *control])
    assert not {run: why for run, why in wrong.items() if run in runs}
    assert wrong.keys() >= set(control)


# ---- ffmpeg ---------------------------------------------------------------------------------------


def seconds_of_pictures(ffmpeg, playlist):
    """Presentation time and number of each picture that ffmpeg decodes; None where it shows none."""
    size = told.WIDTH * told.HEIGHT
    command = [ffmpeg, "-v", "info", "-nostdin", "-i", str(playlist), "-map", "0:v:0", "-copyts"]
    command += ["-fps_mode", "passthrough", "-vf", "showinfo", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    times = [
        float(line.split("pts_time:")[1].split()[0])
        for line in done.stderr.decode().splitlines()
        if "pts_time:" in line
    ]
    found = []
    for index, time in enumerate(times):
        line = done.stdout[index * size + 90 * told.WIDTH : index * size + 91 * told.WIDTH]
        levels = [line[30 + 22 * bar] for bar in range(told.BARS)]
        number = (
            None
            if any(90 <= level <= 160 for level in levels)
            else sum(1 << bar for bar, level in enumerate(levels) if level > 160)
        )
        found.append((time, number))
    assert len(done.stdout) == size * len(times)
    return found


def seconds_of_sound(ffmpeg, playlist, rate=8000, window=400):
    """For each twentieth of a second the presentation time and the second that the pitch tells; None for silence."""
    command = [ffmpeg, "-v", "error", "-nostdin", "-i", str(playlist), "-map", "0:a:0", "-ac", "1", "-ar", str(rate)]
    command += ["-af", "aresample=async=1:first_pts=0", "-f", "s16le", "-"]
    raw = memoryview(subprocess.run(command, capture_output=True, timeout=120, check=True).stdout).cast("h")
    found = []
    for start in range(0, len(raw) - window, window):
        part = raw[start : start + window]
        crossings = sum((one < 0) != (two < 0) for one, two in pairwise(part))
        loud = max(part) > 1000
        pitch = crossings / 2 * rate / window
        found.append((start / rate, (pitch - told.BASE_HZ) / told.STEP_HZ if loud else None))
    return found


@pytest.fixture(params=["that of the system", "a newer one"])
def ffmpeg(request):
    return need("ffmpeg") if request.param == "that of the system" else tools.newer_ffmpeg()


@pytest.mark.parametrize("name", BY_FFMPEG)
def test_ffmpeg_shows_and_sounds_all_at_its_time(site, ffmpeg, name):
    """Each picture that was recorded, and each twentieth of a second of sound, at one offset from its UTC."""
    case, playlist = told.CASES[name], site.folder / players.folder_of(name) / "hls" / "index.m3u8"
    pictures = seconds_of_pictures(ffmpeg, playlist)
    shown = [(time, number) for time, number in pictures if number is not None]
    assert [number for _, number in shown] == [
        number for number in range(told.SECONDS * told.RATE) if case.has("video", Fraction(2 * number + 1, 50), 0)
    ]
    offsets = Counter(round(time - number / told.RATE, 2) for time, number in shown)
    assert len(offsets) == 1, offsets
    assert abs(next(iter(offsets))) <= 0.1
    heard = 0
    for time, second in seconds_of_sound(ffmpeg, playlist):
        wanted = case.has("audio", time + 0.025, 0.1)
        if wanted is None or time % 1 > 0.8 or time % 1 < 0.1:
            continue  # at an edge, or where the pitch changes
        assert (second is not None) == wanted, time
        if wanted:
            heard += 1
            assert abs(second - int(time)) < 0.6, time
    assert heard > 50
