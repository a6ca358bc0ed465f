"""Recordings whose tracks have different gaps play in step: HLS in hls.js, shaka-player and ffmpeg, DASH in dash.js and
shaka-player. The picture and the sound tell their own UTC; times of the player, its date and both have to agree."""

import subprocess
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from shutil import rmtree
from uuid import UUID

import interop_browser
import interop_players as players
import interop_tools as tools
import pytest
import support_told_time as told
from support_tools import need

from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.main import main
from onvif_bmff.recording.encryption import EncryptionEntry

pytestmark = pytest.mark.interop

KID, KEY = "8c4b2f0e-1f0a-4c58-9d3a-0a5d6f1c2b3e", "00112233445566778899aabbccddeeff"
PLACES = (0, 4.5, 9, 12.8, 18.5)
"""Where players are sent, in seconds: the beginning, before, in and behind gaps; they play on over the edges."""
ENCRYPTED = {"c2 sound lost": ProtectionScheme.CENC, "c4 audio-only span": ProtectionScheme.CBCS}
ALL = [("hls", "hls/index.m3u8"), ("shaka", "hls/index.m3u8"), ("shaka", "dash/index.mpd"), ("dash", "dash/index.mpd")]


def folder_of(name):
    return name.split()[0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return told.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def site(tmp_path_factory, clip):
    """For each case a store, and what the command makes of it; ``place`` is the form that does not do."""
    made = players.Site(tmp_path_factory.mktemp("site"))
    for name, case in told.CASES.items():
        folder = made.folder / folder_of(name)
        told.record(folder / "store", case, clip)
        for form in ("hls", "dash"):
            assert main(["export", str(folder / "store"), f"--{form}", str(folder / form)]) == 0
    for name in ("c1 video lost", "c4 audio-only span"):
        folder = made.folder / folder_of(name)
        assert main(["export", str(folder / "store"), "--hls", str(folder / "place"), "--copies", "never"]) == 0
    for name, scheme in ENCRYPTED.items():
        folder = made.folder / "encrypted" / folder_of(name)
        entry = EncryptionEntry(scheme, FixedKey(ContentKey(UUID(KID), bytes.fromhex(KEY))))
        told.record(folder / "store", told.CASES[name], clip, entry)
        for form in ("hls", "dash"):
            command = ["export", str(folder / "store"), f"--{form}", str(folder / form), "--key", f"{KID}:{KEY}"]
            assert main(command) == 0
        rmtree(folder / "store")
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser():
    made = interop_browser.Browser()
    yield made
    made.close()


def check(site, browser, runs):
    """``runs``: case, player, URL. All play at once; each is right, and saw and heard all that it should."""
    found = site.play(browser, [(player, url) for _, player, url in runs], PLACES)
    wrong = {run: players.verdict(told.CASES[run[0]], one) for run, one in zip(runs, found, strict=True)}
    assert not {run: why for run, why in wrong.items() if why}


@pytest.mark.parametrize("names", [tuple(told.CASES)[at : at + 2] for at in range(1, len(told.CASES), 2)])
def test_gaps_that_differ_play_in_step(site, browser, names):
    check(site, browser, [(name, player, f"{folder_of(name)}/{url}") for name in names for player, url in ALL])


def test_encrypted_recordings_play_from_clear_copies(site, browser):
    runs = [(name, player, f"encrypted/{folder_of(name)}/{url}") for name in ENCRYPTED for player, url in ALL]
    check(site, browser, runs)


def test_the_stored_objects_do_not(site, browser):
    """The control: the same check finds playlists over the objects wrong, where gaps differ."""
    runs = [
        (name, player, f"{folder_of(name)}/place/index.m3u8")
        for name in ("c1 video lost", "c4 audio-only span")
        for player in ("hls", "shaka")
    ]
    found = site.play(browser, [(player, url) for _, player, url in runs], PLACES)
    for (name, player, _), one in zip(runs, found, strict=True):
        assert players.verdict(told.CASES[name], one), (name, player)


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


@pytest.mark.parametrize("name", list(told.CASES)[1:])
def test_ffmpeg_shows_and_sounds_all_at_its_time(site, ffmpeg, name):
    """Each picture that was recorded, and each twentieth of a second of sound, at one offset from its UTC."""
    case, playlist = told.CASES[name], site.folder / folder_of(name) / "hls" / "index.m3u8"
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
