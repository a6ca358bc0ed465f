"""Files that hold several movies: what was joined is read on, with its codecs and at later times."""

from pathlib import Path

import pytest
from support_mp4_files import ALAW, START, ULAW, moof, movie, progressive, run, track, traf

from onvif_bmff.bmff import MediaDataBox, TrackExtendsBox, build_boxes
from onvif_bmff.cli.main import main
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.made_files import fragmented_file

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
ONE = {"stts": [(4, 100)], "stsc": [(1, 4, 1)], "stsz": [4] * 4, "stco": [START]}
FIRST = progressive(track(1, **ONE), data=b"0123" * 4)
SECOND = progressive(track(1, **ONE, entries=[ALAW]), data=b"abcd" * 4)


def told(place: int) -> str:
    return f"the file has another movie box at byte {place}: its samples follow"


def test_files_behind_one_another_are_read_on():
    source = Mp4Input(FIRST + FIRST + FIRST)
    samples = list(source.samples())
    assert [bytes(one.data) for one in samples] == [b"0123"] * 12
    assert [one.decode_time for one in samples] == [100 * number for number in range(12)]
    assert len(source.warnings) == 2
    assert not source.is_loss


def test_another_codec_is_announced():
    source = Mp4Input(FIRST + SECOND)
    items = list(source.samples())
    assert [type(one) for one in items] == [Sample] * 4 + [CodecChange] + [Sample] * 4
    assert (items[4].track_id, items[4].decode_time, items[4].codec.codecs_parameter()) == (1, 400, "alaw")
    assert [bytes(one.data) for one in items[5:]] == [b"abcd"] * 4
    assert source.warnings == (told(len(FIRST) + SECOND.index(b"moov") - 4),)


def test_timescales_and_numbers_of_tracks_may_differ():
    later = progressive(track(7, timescale=4000, **ONE), data=b"wxyz" * 4)
    samples = list(Mp4Input(FIRST + later).samples())
    assert [(one.track_id, one.decode_time, one.duration) for one in samples[4:]] == [
        (1, 400 + 200 * number, 200) for number in range(4)
    ]


def test_a_track_that_the_first_movie_does_not_have_is_left_out():
    later = progressive(track(1, **ONE), track(2, handler="meta", **ONE), data=b"wxyz" * 4)
    source = Mp4Input(FIRST + later)
    assert [one.track_id for one in source.samples()] == [1] * 8
    assert "track 2 of a later movie box has no like in the first, and is left out" in source.warnings
    assert source.is_loss


def test_a_second_index_of_the_same_media_is_passed_over():
    """Some recorders write their movie box twice."""
    box = movie(track(1, **ONE)).build()
    source = Mp4Input(FIRST + box)
    assert len(list(source.samples())) == 4
    assert source.warnings == (f"the movie box at byte {len(FIRST)} is of media before it, and is passed over",)
    assert not source.is_loss


HEAD = movie(track(1, entries=[ULAW]), extends=[TrackExtendsBox(track_id=1)]).build()


def fragment(time: int) -> bytes:
    part = moof(traf(1, run(2, offset=0, size=[4, 4], duration=[100, 100]), time=time))
    part = moof(traf(1, run(2, offset=part.size + 8, size=[4, 4], duration=[100, 100]), time=time))
    return build_boxes([part, MediaDataBox(data=b"01234567")])


@pytest.mark.parametrize("again", [HEAD, HEAD.replace(b"ulaw", b"alaw")])
def test_fragments_that_begin_anew_come_later(again):
    parts = b"".join(fragment(time) for time in range(0, 20_000, 200))
    source = Mp4Input(HEAD + parts + again + parts)
    times = [one.decode_time for one in source.samples() if isinstance(one, Sample)]
    assert times == list(range(0, 40_000, 100))
    assert source.warnings == (told(len(HEAD + parts)),)


def test_a_movie_box_that_is_repeated_changes_nothing():
    source = Mp4Input(b"".join(HEAD + fragment(time) for time in range(0, 2000, 200)))
    assert [one.decode_time for one in source.samples()] == list(range(0, 2000, 100))
    assert source.warnings == ()


def test_strict_reading_stops_at_another_movie():
    with pytest.raises(MediaError, match="another movie box"):
        list(Mp4Input(FIRST + SECOND, strict=True).samples())
    with pytest.raises(MediaError, match="another movie box"):
        list(Mp4Input(FIRST + SECOND).fragments())


def test_joined_files_are_recorded_in_both_formats(tmp_path, capsys):
    """A progressive clip, and a fragmented file of other codecs' tracks behind it."""
    path = tmp_path / "joined.mp4"
    clip, other = CLIP.read_bytes(), fragmented_file(samples=20, fragments=3)
    path.write_bytes(clip + other)
    source = Mp4Input(path.read_bytes())
    wanted = sum(isinstance(one, Sample) for one in source.samples())
    for name in ("CMAF", "MP4"):
        store = tmp_path / name
        arguments = ["record", str(path), "--store", str(store), "--format", name, "--start", "2024-05-01T12:00:00Z"]
        status = main(arguments)
        assert status == int(source.is_loss)
        said = capsys.readouterr().err
        assert said.count("another movie box") == 1
        holder = DirectoryStore(store)
        bodies = [holder.get(key) for key in holder.keys() if not key.endswith("_end")]  # noqa: SIM118
        count = sum(1 for body in bodies for _ in Mp4Input(body, strict=True).samples())
        lost = [int(line.split()[1]) for line in said.splitlines() if "were not recorded" in line]
        assert count + sum(lost) == wanted
