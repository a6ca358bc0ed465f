"""Odd files of others, by kind: which samples each gives, what is told of it, and that both formats record them.

Most were made from one clip of 40 pictures and 33 packets of sound, changed in a few bytes: their samples are those of
the clip. The other opinion is ffprobe's, wherever it reads the file as it is meant.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import Mp4Input, main_tracks, open_mp4
from onvif_bmff.media.track import Sample
from onvif_bmff.storage import DirectoryStore

CLIP = "m84-free-everywhere.mp4"
"""The clip, with boxes that say nothing."""
Hashes = list[str]
Part = Callable[[Hashes], Hashes]


def whole(clip: Hashes) -> Hashes:
    return clip


def first(count: int) -> Part:
    return lambda clip: clip[:count]


def twice(clip: Hashes) -> Hashes:
    return clip + clip


@dataclass(frozen=True)
class Case:
    """What a file gives: of the clip's video and sound (None: no such track), further tracks; and what is told."""

    told: tuple[str, ...] = ()
    video: Part | None = whole
    sound: Part | None = whole
    more: int = 0
    is_loss: bool = False
    unlike: str = ""
    """Why ffprobe reads it otherwise."""


STRAY = "the file has {} that are no boxes at its end, from byte 43100 on"
ZEROS = "the file has {} zero bytes at its end, from byte {} on"
CUT_BOX = "the box {!r} at byte {}, the last of the file, is cut off or no box"
OUTSIDE = "track {} has samples outside the file ({} lost)"
ENTRY = "track 1 uses sample entry {}, which is not there: 1 is used"
FRAGMENT_ENTRY = tuple(
    f"fragments of track {number} use sample entry 0, which is not there: 1 is used" for number in (1, 2)
)
SYNC = ("track 1 has sync samples out of order, twice, or that it does not have",)
ESDS = "track 2 has a decoder configuration (esds) that cannot be read: {}"
HANDLER = "track {} has the handler {!r}, but a sample entry of {}"
CONFIGURATION = ("track 1 has a wrong or no decoder configuration: its samples give one",)
ANOTHER = ("the file has another movie box at byte 43550: its samples follow",)
TABLE = "/moov/trak/mdia/minf/stbl"
NOT_READ = "ffprobe does not read it"

CASES: Mapping[str, Case] = {
    # What lies behind the media, or breaks them off.
    "m01-trailing-zeros-200": Case((ZEROS.format(200, 43100),)),
    "m01b-frag-trailing-zeros": Case((ZEROS.format(200, 43522),)),
    "m02-trailing-3-bytes": Case((STRAY.format("3 bytes"),)),
    "m02b-trailing-text": Case((CUT_BOX.format("2024", 43100),)),
    "m03-frag-cut-in-last-mdat": Case(
        (
            "fragments of track 1 have samples outside the file (5 samples lost)",
            "fragments of track 2 have samples outside the file (8 samples lost)",
            "the file ends 4998 bytes before its media data do",
        ),
        first(35), first(25), is_loss=True, unlike="its last packet is a part of a sample",
    ),
    "m04-frag-cut-in-moof": Case(
        (
            "the file ends 142 bytes before its last moof box does",
            "/moof/traf/trun at byte 32443 is read as far as it can be (10 rows of 4 bytes in 38 bytes)",
            "fragments of track 1 have samples outside the file (9 samples lost)",
        ),
        first(30), first(25), is_loss=True, unlike=NOT_READ,
    ),
    "m05-faststart-cut": Case(
        (
            OUTSIDE.format(1, "18 samples"),
            "the file ends 17240 bytes before its media data do",
            OUTSIDE.format(2, "14 samples"),
        ),
        first(22), first(19), is_loss=True, unlike="its last packet is a part of a sample",
    ),
    "m20-truncated-free": Case((CUT_BOX.format("free", 43100),)),
    "m20b-truncated-udta": Case((CUT_BOX.format("udta", 43100),)),
    "m20c-frag-truncated-free": Case((CUT_BOX.format("free", 43522),)),
    "m20d-truncated-mfra": Case((CUT_BOX.format("mfra", 43298),)),
    "m33-dashcam-sector-padding": Case((ZEROS.format(316, 43204),)),
    "m55-last-audio-chunk-outside": Case((OUTSIDE.format(2, "1 sample"),), sound=first(32), is_loss=True),
    "m72-video-behind-the-cut": Case(
        (OUTSIDE.format(1, "40 samples"),), first(0), is_loss=True, unlike="it stops at the first sample outside"
    ),
    # Another movie box.
    "m06-two-moovs-concat": Case(ANOTHER, twice, twice, unlike="its times begin anew"),
    "m06b-two-moovs-same": Case(ANOTHER, twice, twice, unlike="its times begin anew"),
    # Sample entries.
    "m07-trex-description-index-0": Case(FRAGMENT_ENTRY, unlike=NOT_READ),
    "m08-tfhd-description-index-0": Case(FRAGMENT_ENTRY, unlike=NOT_READ),
    "m09b-stsd-104-extra-bytes": Case((f"{TABLE}/stsd ends with 104 zero bytes",)),
    "m27c-stsc-description-0": Case((ENTRY.format(0),), unlike="it loses samples"),
    "m27d-stsc-description-9": Case((ENTRY.format(9),), unlike=NOT_READ),
    "m48-nal-length-3-claimed": Case(CONFIGURATION, unlike="its parser says that a picture is none"),
    "m56e-avcC-no-sets-counted": Case(CONFIGURATION),
    "m60-stsd-40-bytes-behind-table": Case((f"{TABLE}/stsd ends with 40 zero bytes",)),
    # Sync samples.
    "m12-stss-empty": Case(("track 1 has an empty table of sync samples (stss): its pictures are looked at",)),
    "m13-stss-unsorted": Case(SYNC),
    "m13b-stss-duplicate": Case(SYNC),
    "m13c-stss-zero": Case(SYNC),
    "m13d-stss-beyond": Case(SYNC),
    "m41-audio-stss-empty": Case(("track 2 has an empty table of sync samples (stss): all of them are",)),
    # Numbers, handlers, timescales and headers of tracks.
    "m15-fragment-unknown-track": Case(
        ("fragments of track 77, which the movie does not have (8 samples lost)",),
        sound=lambda clip: clip[:9] + clip[17:], is_loss=True, unlike="it takes samples of track 77 for video",
    ),
    "m16-duplicate-track-id": Case(
        ("a track has the number 1 of another track: it becomes track 2",), unlike="both have one number"
    ),
    "m17-audio-timescale-0": Case(("track 2 has no timescale: 8000 is taken",), unlike="it takes a timescale of 1"),
    "m21-hdlr-odsm-audio": Case((HANDLER.format(2, "odsm", "audio"),)),
    "m21b-hdlr-pict-video": Case((HANDLER.format(1, "pict", "video"),)),
    "m21c-hdlr-auxv-video": Case((HANDLER.format(1, "auxv", "video"),)),
    "m21d-hdlr-zero-video": Case((r"track 1 has the handler '\x00\x00\x00\x00', but a sample entry of video",)),
    "m56-audio-without-stbl": Case(
        ("track 2 has no stbl box, and is left out",), sound=None, is_loss=True, unlike="a track without packets"
    ),
    "m56b-audio-without-stsd": Case(
        ("track 2 has no stsd box, and is left out",), sound=None, is_loss=True, unlike="packets of no codec"
    ),
    "m56c-audio-without-tkhd": Case(("a track has no header (tkhd): it becomes track 2",), unlike="another number"),
    "m56d-audio-esds-zeroed": Case(
        (ESDS.format("AAC-LC is taken, by its sample entry and its frames"),),
    ),
    "m57-text-track-timescale-0": Case(
        (HANDLER.format(3, "text", "audio"), "track 3 has no timescale: 8000 is taken"),
        more=1, unlike="it takes a timescale of 1",
    ),
    "m70-tmcd-track-number-0": Case(
        ("a track has no number: it becomes track 3", HANDLER.format(3, "tmcd", "audio")), more=1, unlike="number 0"
    ),
    "m70b-meta-track-number-0": Case(
        ("a track has no number: it becomes track 3", HANDLER.format(3, "meta", "audio")), more=1, unlike="number 0"
    ),
    "m71-two-mebx-tracks": Case(more=2),
    # Times and chunks.
    "m26-stts-short": Case(("track 1 has fewer durations than samples: the last one is used for the others",)),
    "m26c-stts-zero-delta": Case(
        ("track 1 has durations of 0: its samples are taken to be equally long",), unlike="all packets at time 0"
    ),
    "m26d-stts-minus-delta": Case(("track 1 has negative durations: each is taken for one tick",)),
    "m27-stsc-chunk-beyond": Case(unlike=NOT_READ),
    "m27b-stsc-first-chunk-0": Case(("track 1 has chunks that are not in order",), unlike="it reads other bytes"),
    "m54-ctts-short": Case(
        ("track 1 has fewer composition offsets than samples: that of the first sample is used for the others",),
        unlike="it shows two pictures when others are shown",
    ),
    "m54b-ctts-huge": Case(
        ("track 1 has composition offsets beyond all reason: those of the samples before them are used",),
        unlike="one picture 58 hours late",
    ),
    # Boxes.
    "m62-vmhd-short": Case(("/moov/trak/mdia/minf/vmhd at byte 41323 cannot be read (8 bytes needed, 0 left)",)),
    "m63b-moov-12-zero-bytes-at-end": Case(("/moov ends with 12 zero bytes",)),
    "m63c-stbl-8-zero-bytes-at-end": Case((f"{TABLE} ends with 8 zero bytes",)),
    "m82-trun-without-data-offset": Case(sound=None),
    "m83-sidx-styp-emsg-at-end": Case(unlike=NOT_READ),
    "m87-trun-declares-offsets-it-lacks": Case(
        ("/moof/traf/trun at byte 32443 is read as far as it can be (10 rows of 8 bytes in 40 bytes)",),
        unlike="it reads other bytes",
    ),
    # What ffprobe reads otherwise, though nothing is wrong with the tables.
    "m28-zero-size-sample": Case(
        video=lambda clip: [*clip[:5], hashlib.md5(b"").hexdigest(), *clip[5:]], unlike="no packet without bytes"
    ),
}  # fmt: skip

OTHER_CLIPS: Mapping[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "m10-sowt-stsz-1": ({"AUDIO001": 32}, ()),
    "m10c-sowt-stsz-2-of-4": (
        {"AUDIO001": 32}, ("track 1 has frames of 4 bytes by its sample entry, of 2 by its sizes",)
    ),
    "m10d-alaw": ({"AUDIO001": 32}, ()),
    "m10e-ima4": ({"AUDIO001": 500}, ()),
    "m10f-sowt-ok": ({"AUDIO001": 32}, ()),
    "m30-moof-without-traf": ({"VIDEO001": 40, "AUDIO001": 33}, ()),  # offsets lead elsewhere
    "m42-aud-only-samples": ({"VIDEO001": 200}, ()),
    "m47-opus-constant-size": ({"AUDIO001": 151}, ()),
    "m51-mjpeg": ({"VIDEO001": 40}, ()),
    "m52-av1": ({"VIDEO001": 20}, ()),
    "m53-tmcd": ({"VIDEO001": 40, "AUDIO001": 33}, ()),
}  # fmt: skip
"""Files of other clips: packets a track, all as ffprobe reads them; and what is told."""

NO_PICTURES = ("m30-moof-without-traf", "m42-aud-only-samples")
"""Where ffprobe finds no picture in a sample, it is no key packet for it."""

REFUSED: Mapping[str, str] = {"m35-cmov": "the movie box is compressed (cmov), which is not read"}


def digest(data: bytes | memoryview) -> str:
    return hashlib.md5(data).hexdigest()


def read(source: Mp4Input) -> dict[str, list[Sample]]:
    tokens = {track.track_id: track.token for track in source.tracks}
    found: dict[str, list[Sample]] = {token: [] for token in tokens.values()}
    for item in source.samples():
        if isinstance(item, Sample):
            found[tokens[item.track_id]].append(item)
    return found


def hashes(samples: list[Sample]) -> Hashes:
    return [digest(one.data) for one in samples]


@pytest.fixture(scope="module")
def odd(shared_cases: Path) -> Mapping[str, Path]:
    """The odd files by the stem of their name."""
    return {path.stem: path for path in sorted((shared_cases / "media").glob("m*.m*"))}


@pytest.fixture(scope="module")
def clip(odd: Mapping[str, Path]) -> dict[str, Hashes]:
    with open_mp4(odd[Path(CLIP).stem], strict=True) as source:
        return {token: hashes(samples) for token, samples in read(source).items()}


def test_the_clip_is_as_ffprobe_reads_it(odd, clip, probe):
    streams = probe(odd[Path(CLIP).stem], "-ignore_editlist", "1")
    assert [[one.md5 for one in stream.packets] for stream in streams.values()] == list(clip.values())
    assert [len(one) for one in clip.values()] == [40, 33]


def test_all_files_are_looked_at(odd):
    assert CASES.keys() | OTHER_CLIPS.keys() | REFUSED.keys() <= odd.keys()


def test_the_samples_are_those_of_the_clip(odd, clip):
    """Files without a case have all samples, and nothing is told of them."""
    wrong = {}
    for name, path in odd.items():
        if name in OTHER_CLIPS or name in REFUSED:
            continue
        case = CASES.get(name, Case())
        parts = {"VIDEO001": case.video, "AUDIO001": case.sound}
        wanted = {token: part(clip[token]) for token, part in parts.items() if part is not None}
        with open_mp4(path) as source:
            found = {token: hashes(samples) for token, samples in read(source).items()}
            told = (source.warnings, source.is_loss)
        further = found.keys() - wanted.keys()
        ours = {token: found.get(token) for token in wanted}
        if ours != wanted or len(further) != case.more or told != (case.told, case.is_loss):
            wrong[name] = {token: len(one) for token, one in found.items()}, told
        for token in further:  # copies of the sound with another handler
            assert found[token] == clip["AUDIO001"], name
    assert not wrong


def test_packets_and_times_are_those_of_ffprobe(odd, probe):
    wrong = {}
    for name, path in odd.items():
        if name in REFUSED or CASES.get(name, Case()).unlike:
            continue
        streams = probe(path, "-ignore_editlist", "1")
        with open_mp4(path) as source:
            found = read(source)
            for track, described in zip(source.tracks, source.sources, strict=True):
                theirs, samples = streams[track.track_id].packets, found[track.token]
                shift = described.presentation_shift
                times = [one.decode_time + one.composition_offset - shift for one in samples]
                if hashes(samples) != [one.md5 for one in theirs] or times != [one.pts for one in theirs]:
                    wrong[f"{name} {track.token}"] = len(samples), len(theirs)
                if name not in NO_PICTURES and [one.sync for one in samples] != [one.key for one in theirs]:
                    wrong[f"{name} {track.token} keys"] = sum(one.sync for one in samples)
    assert not wrong


def test_files_of_other_clips(odd):
    for name, (counts, told) in OTHER_CLIPS.items():
        with open_mp4(odd[name]) as source:
            assert {token: len(samples) for token, samples in read(source).items()} == counts, name
            assert source.warnings == told, name


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_why(odd, name):
    with pytest.raises(MediaError) as caught:
        open_mp4(odd[name])
    assert str(caught.value) == REFUSED[name]


def recorded(store: Path) -> dict[str, Hashes]:
    """The samples in a bucket by kind of media, read without leniency."""
    found: dict[str, Hashes] = {}
    holder = DirectoryStore(store)
    for key in holder.keys():  # noqa: SIM118
        if not key.endswith("_end"):
            source = Mp4Input(holder.get(key), strict=True)
            for token, samples in read(source).items():
                found.setdefault(token, []).extend(hashes(samples))
    return found


LOST = {("m46c-one-tfdt-60s-ahead", "MP4"): ("VIDEO001", 39, "before the next sync sample")}
"""Samples that are lost, and counted: both clocks go ahead for about a second, the sound's for just more than one.

So the clock is set back behind it, and new spans begin; the last picture, which is behind that, is no sync sample.
"""


@pytest.mark.parametrize("format_name", ["CMAF", "MP4"])
def test_both_formats_record_all_of_it(format_name, odd, tmp_path, capsys):
    """But for samples without bytes and pictures before the first sync sample, which no recording can hold."""
    wrong = {}
    for name, path in odd.items():
        if name in REFUSED:
            continue
        with open_mp4(path) as source:
            found = read(source)
            chosen = main_tracks(source) if format_name == "CMAF" else source.tracks
            wanted: dict[str, Hashes] = {}
            for track in chosen:
                samples = found[track.token]
                start = next((number for number, one in enumerate(samples) if one.sync), 0)
                kept = hashes([one for one in samples[start:] if len(one.data)])
                number = sum(word.startswith(track.type.token_prefix) for word in wanted) + 1
                wanted[f"{track.type.token_prefix}{number:03}"] = kept
            told, is_loss = source.warnings, source.is_loss
        store = tmp_path / name
        options = ["--store", str(store), "--format", format_name, "--start", "2024-05-01T12:00:00Z"]
        status = main(["record", str(path), *options])
        said = capsys.readouterr().err
        made = recorded(store)
        if (name, format_name) in LOST:
            token, number, why = LOST[name, format_name]
            del wanted[token][number]
            assert f"1 samples were not recorded: {why}" in said
        if {token: one for token, one in wanted.items() if one} != {token: one for token, one in made.items() if one}:
            wrong[name] = {token: len(one) for token, one in made.items()}
        if status != int(is_loss) or any(said.count(text) != 1 for text in told):
            wrong[f"{name}: told"] = status, said
    assert not wrong
