"""``onvif-bmff record rtsp://…`` where a camera comes back as another one."""

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.cli.record_live import _is_over
from onvif_bmff.codecs import G711Codec
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore


class Source:
    """A stream of sound by a name, with so many packets of 20 ms, and with further tracks that are silent."""

    left_out = ()
    lost = 0
    has_camera_time = False

    def __init__(self, token, packets, *silent):
        self._packets = packets
        codec = G711Codec("ulaw", 8000, 1)
        self.tracks = tuple(Track(name, number, 8000, codec) for number, name in enumerate((token, *silent), 1))

    def samples(self):
        for number in range(self._packets):
            yield Sample(1, number * 160, 160, bytes(160), True, 0)

    def close(self):
        pass


def opened(monkeypatch, *streams):
    """Let each connection give the next of these streams; return the tokens of what was opened."""
    seen = []

    def open_live(uri, options, *, stop=None):
        stream = streams[len(seen)]
        seen.append(stream[0])
        return Source(*stream)

    monkeypatch.setattr("onvif_bmff.rtsp.open_live", open_live, raising=False)
    monkeypatch.setattr("onvif_bmff.cli.record_live._FIRST_RETRY", 0.01)
    return seen


def test_a_track_that_is_missing_after_a_break_is_waited_for(monkeypatch, tmp_path, capsys):
    """A camera that starts anew may open without its sound for a while; the recording is not over for that."""
    seen = opened(monkeypatch, ("AUDIO001", 10), ("AUDIO002", 10), ("AUDIO001", 100))
    done = main(
        ["record", "rtsp://camera/x", "--store", str(tmp_path), "--track", "AUDIO001", "--duration", "PT0.5S",
         "--clock", "arrival"]
    )  # fmt: skip
    assert (done, seen) == (0, ["AUDIO001", "AUDIO002", "AUDIO001"])
    assert "there is no track AUDIO001 to record, only AUDIO002 (1); another try" in capsys.readouterr().err
    assert len(Timeline.from_store(DirectoryStore(tmp_path)).spans) == 2


def test_a_track_that_was_never_there_is_an_error_at_once(monkeypatch, tmp_path, capsys):
    opened(monkeypatch, ("AUDIO002", 10))
    assert main(["record", "rtsp://camera/x", "--store", str(tmp_path), "--track", "AUDIO001"]) == 2
    assert "there is no track AUDIO001" in capsys.readouterr().err


def test_a_track_that_is_not_recorded_cannot_be_the_one_to_encrypt(monkeypatch, tmp_path, capsys):
    """Of two cameras on one stream CMAF records the first: naming the other one must not leave that in the clear."""
    opened(monkeypatch, ("AUDIO001", 10, "AUDIO002"))
    arguments = ["--encrypt", "CENC", "--make-key-file", str(tmp_path / "key"), "--encrypt-track", "AUDIO002"]
    assert main(["record", "rtsp://camera/x", "--store", str(tmp_path / "s"), *arguments]) == 2
    assert capsys.readouterr().err == "onvif-bmff: there is no track AUDIO002 to encrypt, only AUDIO001\n"


@pytest.mark.parametrize(
    ("now", "heard", "expected"),
    [
        (101.9, 90.0, False),
        (102.0, 90.0, True),
        (104.0, 103.0, False),  # it comes three seconds late
        (106.0, 103.0, True),
        (159.9, 159.9, False),
        (160.0, 159.9, True),  # its stamps do not go on, or ever more slowly
    ],
)
def test_a_stream_that_comes_late_is_waited_for_after_its_duration(now, heard, expected):
    assert _is_over(now, 100.0, heard) is expected
