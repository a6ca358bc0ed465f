"""Nothing lies in the clear under an encrypting entry: codecs that say too little are refused, and so are samples."""

import logging
from dataclasses import replace

import cenc_nal_kit as nal
import cenc_recordings as kit
import cenc_slow_reader as slow_reader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import AudioSampleEntry, UnknownBox
from onvif_bmff.cenc.encrypt import IvSources, TrackEncryptor
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.errors import BitstreamError, MediaError, OnvifBmffError, ProtectionError, UnsupportedSchemeError
from onvif_bmff.media.codec import family_of_codec
from onvif_bmff.media.nal_family import AVC, HEVC, NAL_FAMILIES
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.encryption import encryption_fault
from onvif_bmff.recording.formats import CMAF, MP4

SCHEMES = pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS], ids=lambda one: one.value)
FORMATS = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])


def encryptor(codec, scheme=ProtectionScheme.CENC, **more):
    return TrackEncryptor(scheme, kit.KEY, codec, ivs=IvSources(), **more)


def encrypted(codec, scheme, data):
    """What is stored of one sample."""
    return bytes(encryptor(codec, scheme).encrypt([Sample(1, 0, 1, data)]).payload)


# ---- None means the whole sample, and is no answer for NAL units ---------------------------------------------------


@pytest.mark.requirement("ANX-B.8-06", "ANX-B.8-07")
@SCHEMES
@pytest.mark.parametrize("fourcc", NAL_FAMILIES)
def test_video_in_nal_units_whose_codec_knows_no_slices_is_refused_when_the_track_starts(fourcc, scheme):
    entry = nal.plain_entry(fourcc)
    for codec in (PassThroughCodec(entry, "vide"), nal.Written(entry), nal.Written(entry, media_type="Audio")):
        with pytest.raises(UnsupportedSchemeError, match=fourcc):
            encryptor(codec, scheme)
        with pytest.raises(UnsupportedSchemeError, match=fourcc):
            kit.record(
                [entry_of(scheme)], tracks=(nal.video_track(codec),), samples=nal.pictures(*[nal.unit(5, 500)] * 3)
            )


def entry_of(scheme):
    return kit.entry("cenc" if scheme is ProtectionScheme.CENC else "cbcs-seig")


@SCHEMES
@FORMATS
def test_a_codec_written_as_the_page_on_extending_shows_stores_nothing_clear(scheme, form):
    video, samples = nal.camera_pictures()
    codec = nal.Written(video.codec.sample_entry())
    made = kit.recorder([entry_of(scheme)], tracks=(replace(video, codec=codec),), form=form)
    made.activate(kit.START)
    events, errors = [], []
    for sample in samples:
        try:
            events += made.push(sample)
        except UnsupportedSchemeError as error:
            errors.append(str(error))
    events += made.deactivate()
    assert events == []
    assert errors
    assert all("'avc1'" in one for one in errors)
    assert sum(made.dropped.values()) == len(samples)


@SCHEMES
@pytest.mark.parametrize("fourcc", ["mp4v", "jpeg", "mjpg", "xyz1"])
def test_none_protects_the_whole_sample_of_all_other_media(fourcc, scheme):
    """Pictures by themselves, and video of a type nobody knows whose codec says so; the rest is elsewhere."""
    entry = replace(nal.plain_entry("mp4v"), type=fourcc)
    data = bytes(range(160))
    assert not shares_a_block(encrypted(nal.Written(entry), scheme, data), data)


def shares_a_block(stored, data):
    return any(stored[at : at + 16] == data[at : at + 16] for at in range(0, len(data) - 15, 16))


@SCHEMES
@pytest.mark.parametrize("fourcc", ["av01", "dav1", "vp08", "vp09"])
@pytest.mark.parametrize("kind", ["Video", "Audio", "Metadata"])
def test_video_with_subsamples_of_its_own_kind_is_refused_whatever_its_codec_says(fourcc, kind, scheme):
    entry = replace(nal.plain_entry("mp4v"), type=fourcc)
    for says in (None, (), [(0, 10)], lambda data: [(0, len(data))]):
        with pytest.raises(UnsupportedSchemeError, match=fourcc):
            encryptor(nal.Written(entry, says, kind), scheme)


@SCHEMES
def test_video_of_a_type_nobody_knows_needs_a_codec_that_knows_it(scheme):
    entry = replace(nal.plain_entry("mp4v"), type="xyz1")

    def fails(data):
        raise IndexError("no such byte")

    for codec in (PassThroughCodec(entry, "vide"), nal.Written(entry, ()), nal.Written(entry, fails)):
        with pytest.raises(UnsupportedSchemeError, match="xyz1"):
            encryptor(codec, scheme)


@SCHEMES
def test_entries_without_a_protected_form_are_refused_when_the_track_starts(scheme):
    for entry, kind in (
        (UnknownBox(type="abcd", data=bytes(20)), "Metadata"),
        (AudioSampleEntry(type="enca", channel_count=1), "Audio"),
    ):
        with pytest.raises(UnsupportedSchemeError, match="cannot be protected"):
            encryptor(nal.Written(entry, None, kind), scheme)


def test_media_whose_samples_are_no_nal_units_are_never_asked_for_ranges():
    """So that no codec for audio or metadata can leave anything out."""
    audio = kit.camera()[0][1].codec.sample_entry()
    data = bytes(range(64))
    for says in ((), [(60, 64)], None):
        assert not shares_a_block(encrypted(nal.Written(audio, says, "Audio"), ProtectionScheme.CENC, data), data)


# ---- the family ---------------------------------------------------------------------------------------------------


def test_each_entry_is_of_one_family_and_codecs_say_theirs():
    assert NAL_FAMILIES["avc1"] is NAL_FAMILIES["dvav"] is AVC
    assert NAL_FAMILIES["hev1"] is NAL_FAMILIES["dvh1"] is NAL_FAMILIES["hvc2"] is HEVC
    video = kit.camera()[0][0]
    assert family_of_codec(video.codec) is AVC
    assert family_of_codec(nal.hevc_codec()) is HEVC
    assert family_of_codec(MjpegCodec(width=16, height=16)) is None
    assert family_of_codec(codec_of(nal.avc_entry("avc4"), handler="vide")) is AVC
    assert family_of_codec(nal.Written(nal.avc_entry())) is AVC


def test_a_codec_can_say_what_an_entry_of_its_own_holds():
    entry = replace(nal.plain_entry("mp4v"), type="xyz1")
    data = nal.units(nal.unit(6, 200), nal.unit(5, 300))
    start = len(data) - 290
    codec = nal.WithFamily(entry, lambda sample: [(start, len(sample))])
    stored = encrypted(codec, ProtectionScheme.CENC, data)
    assert stored[:start] == data[:start]
    assert not shares_a_block(stored[-288:], data[-288:])
    with pytest.raises(UnsupportedSchemeError, match="xyz1"):
        encryptor(nal.WithFamily(entry, None))
    with pytest.raises(ProtectionError, match="type 5"):
        encrypted(nal.WithFamily(entry, ()), ProtectionScheme.CENC, data)


def test_a_family_that_contradicts_the_entry_is_an_error():
    for family in (HEVC, "avc"):
        with pytest.raises(MediaError, match="codec"):
            encryptor(nal.WithFamily(nal.avc_entry(), (), family))
    assert family_of_codec(nal.WithFamily(nal.avc_entry(), (), None)) is AVC


# ---- codecs that say too little of a sample ------------------------------------------------------------------------


@SCHEMES
@FORMATS
@pytest.mark.parametrize("says", [(), [], lambda data: []], ids=["()", "[]", "asked"])
def test_a_codec_that_leaves_out_all_slices_is_refused_and_nothing_is_stored(scheme, form, says):
    video, samples = nal.camera_pictures()
    track = replace(video, codec=nal.Written(video.codec.sample_entry(), says))
    made = kit.recorder([entry_of(scheme)], tracks=(track,), form=form)
    made.activate(kit.START)
    events, errors = [], []
    for sample in samples:
        try:
            events += made.push(sample)
        except ProtectionError as error:
            errors.append(str(error))
    events += made.deactivate()
    assert kit.segments(events) == []
    assert errors
    assert all("clear" in one for one in errors)
    assert sum(made.dropped.values()) == len(samples)


@SCHEMES
@pytest.mark.parametrize("kinds", [(2, 3, 4), (19,), (20,), (21,), (0,), (24,), (28,), (31,)])
def test_slices_behind_types_that_no_codec_knows_are_refused(kinds, scheme):
    """Partitions, layers, and what a bad depacketizer leaves: NAL units in which slices travel by RTP."""
    video = kit.camera()[0][0]
    data = nal.units(nal.unit(9, 2), nal.unit(6, 300), *(nal.unit(kind, 500) for kind in kinds))
    with pytest.raises(ProtectionError, match=r"in the clear: its H.264 NAL units"):
        encrypted(video.codec, scheme, data)


@SCHEMES
@pytest.mark.parametrize("kind", [10, 22, 31, 48, 63])
def test_so_are_those_of_h265(kind, scheme):
    with pytest.raises(ProtectionError, match=f"H.265 NAL units of type {kind}"):
        encrypted(nal.hevc_codec(), scheme, nal.units(nal.unit(35, 3, HEVC), nal.unit(kind, 500, HEVC)))


def test_slices_of_a_second_layer_are_protected_in_cenc_and_refused_in_cbcs(caplog):
    data = nal.units(nal.hevc_slice(), nal.unit(1, 600, HEVC, layer=1))
    with caplog.at_level(logging.WARNING, "onvif_bmff"):
        stored = encrypted(nal.hevc_codec(), ProtectionScheme.CENC, data)
    assert "not known to the codec" in caplog.text
    layer = len(data) - 600
    assert stored[:layer] != data[:layer]
    assert stored[layer : layer + 96] == data[layer : layer + 96]
    assert not shares_a_block(stored[-496:], data[-496:])
    with pytest.raises(ProtectionError, match="NAL units of type 1 would be stored in the clear"):
        encrypted(nal.hevc_codec(), ProtectionScheme.CBCS, data)


@SCHEMES
def test_a_codec_that_leaves_out_one_of_several_slices(scheme):
    entry = nal.avc_entry()
    data = nal.units(nal.unit(5, 400), nal.unit(5, 400))
    first = nal.Written(entry, lambda sample: [(10, 404)])
    if scheme is ProtectionScheme.CENC:
        stored = encrypted(first, scheme, data)
        assert stored[4 + 400 + 4 + 96 :] != data[4 + 400 + 4 + 96 :]
        assert not shares_a_block(stored[-304:], data[-304:])
    else:
        with pytest.raises(ProtectionError, match="type 5"):
            encrypted(first, scheme, data)


@SCHEMES
def test_a_codec_that_calls_a_whole_slice_header(scheme):
    entry = nal.avc_entry()
    codec = nal.Written(entry, lambda sample: [(len(sample) - 8, len(sample))])
    for size in (600, 5000):
        with pytest.raises(ProtectionError, match="all header"):
            encrypted(codec, scheme, nal.units(nal.unit(5, size)))
    small = nal.units(nal.unit(5, 60))
    assert encrypted(codec, scheme, small) == small


@SCHEMES
def test_samples_that_are_no_nal_units(scheme):
    """A byte stream with start codes, or noise: in cenc all but the first bytes is protected, in cbcs it is refused."""
    video = kit.camera()[0][0]
    stream = b"\0\0\0\1" + nal.unit(9, 2) + b"\0\0\0\1" + nal.unit(5, 900)
    for data in (stream, bytes([200] * 600), nal.units(nal.unit(5, 700))[:-100]):
        if scheme is ProtectionScheme.CBCS:
            with pytest.raises(BitstreamError):
                encrypted(video.codec, scheme, data)
        else:
            stored = encrypted(video.codec, scheme, data)
            assert not shares_a_block(stored[-384:], data[-384:])


@pytest.mark.parametrize("error", [BitstreamError("odd"), IndexError("gone"), ZeroDivisionError()], ids=repr)
def test_a_codec_that_fails_leaves_a_lead_clear_in_cenc_and_is_an_error_of_ours_in_cbcs(error, caplog):
    def fails(data):
        raise error

    codec = nal.Written(nal.avc_entry(), fails)
    data = nal.units(nal.unit(6, 200), nal.unit(5, 600), nal.unit(28, 300))
    with caplog.at_level(logging.WARNING, "onvif_bmff"):
        stored = encrypted(codec, ProtectionScheme.CENC, data)
    assert len(caplog.records) == 1
    assert stored[: 208 + 96] == data[: 208 + 96]
    assert not shares_a_block(stored[-204:-12], data[-204:-12])
    assert stored[312:780] != data[312:780]
    with pytest.raises(OnvifBmffError):
        encrypted(codec, ProtectionScheme.CBCS, data)


NONSENSE = {
    "an iterator": lambda data: iter([(20, len(data))]),
    "numbers": lambda data: [20, len(data)],
    "triples": lambda data: [(20, len(data), 1)] * 2,
    "text": lambda data: [("20", "30")] * 2,
    "a number": lambda data: 7,
    "not whole": lambda data: [(20.0, float(len(data)))],
}


@SCHEMES
@pytest.mark.parametrize("size", [60, 900])
@pytest.mark.parametrize("says", NONSENSE.values(), ids=NONSENSE)
def test_a_codec_that_gives_no_list_of_pairs_is_an_error_of_ours_or_leaves_a_lead(says, size, scheme):
    codec = nal.Written(nal.avc_entry(), lambda data: says(data) if data else ())
    data = nal.units(nal.unit(5, size))
    try:
        stored = encrypted(codec, scheme, data)
    except OnvifBmffError:
        return
    assert scheme is ProtectionScheme.CENC
    assert size == 60 or not shares_a_block(stored[-784:], data[-784:])


@pytest.mark.parametrize("length_size", [1, 2, 4])
@SCHEMES
def test_nal_lengths_of_other_sizes_are_read_as_the_entry_says(length_size, scheme):
    """Of codecs whose samples are not converted."""
    size = 200 if length_size == 1 else 500
    data = nal.units(nal.unit(6, 150), nal.unit(5, size), nal.unit(1, size), length_size=length_size)
    entry = nal.avc_entry("avc2", length_size)
    with pytest.raises(ProtectionError, match="type 1, 5"):
        encrypted(nal.Written(entry, ()), scheme, data)
    starts = [length_size + 150 + length_size, 3 * length_size + 150 + size]
    ranges = [(start + 8, start + size) for start in starts]
    assert encrypted(nal.Written(entry, ranges), scheme, data) != data


def test_nal_lengths_of_three_bytes_do_not_exist():
    with pytest.raises(UnsupportedSchemeError, match="3 bytes"):
        encryptor(nal.Written(nal.avc_entry("avc2", 3), ()))


def test_a_sample_with_more_parts_than_a_record_holds_is_not_stored_clear():
    """As many clear pieces as a record has room for, in front of a slice that has none left."""
    codec = kit.camera()[0][0].codec
    sei = nal.units(nal.unit(6, 65_535 * 39 + 60_000))
    first = kit.camera()[1][0].data
    for size in (0, 5_000, 30_000, 65_000, 70_000):
        try:
            stored = encrypted(codec, ProtectionScheme.CENC, sei + nal.units(nal.unit(6, size + 2)) + first)
        except ProtectionError:
            continue
        assert stored[-len(first) :] != first


def each_unit(says):
    """A codec that says of each NAL unit, from its first byte to its end, what ``says`` gives."""

    def of(data):
        found, at = [], 0
        while at + 4 <= len(data):
            start, at = at + 4, at + 4 + int.from_bytes(data[at : at + 4], "big")
            found += says(start, at)
        return found

    return nal.Written(nal.avc_entry(), of)


TOO_LITTLE = {
    "nothing": lambda start, end: [(end, end)],
    "a block": lambda start, end: [(start + 8, start + 24)],
    "a block at the end": lambda start, end: [(end - 16, end)],
    "two blocks": lambda start, end: [(start + 8, start + 24), (end - 16, end)],
    "all but the end": lambda start, end: [(start + 8, end - 600)],
    "all but the middle": lambda start, end: [(start + 8, start + 400), (end - 400, end)],
    "pieces with gaps": lambda start, end: [(at, min(at + 50, end)) for at in range(start, end, 100)],
    "less than blocks": lambda start, end: [(at, min(at + 15, end)) for at in range(start, end, 15)],
}


@pytest.mark.requirement("ANX-B.8-06", "ANX-B.8-07")
@SCHEMES
@FORMATS
@pytest.mark.parametrize("says", TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_ranges_that_leave_much_of_a_slice_clear_are_refused(says, form, scheme):
    """Also where another slice of the sample is protected well."""
    good = nal.unit(5, 200)
    for data in (nal.units(good, nal.unit(5, 5000)), nal.units(nal.unit(5, 5000), good), nal.units(nal.unit(5, 5000))):
        codec = each_unit(lambda start, end: says(start, end) if end - start > 1000 else [(start + 8, end)])
        with pytest.raises(ProtectionError, match=r"in the clear|slices needs"):
            encrypted(codec, scheme, data)
        with pytest.raises(ProtectionError):
            kit.record(
                [entry_of(scheme)], tracks=(nal.video_track(codec),), samples=nal.pictures(*[data] * 3), form=form
            )


@SCHEMES
def test_headers_of_all_lengths_that_there_are(scheme):
    """An H.265 slice lists its entry points in its header: so many of them have as much data behind."""
    for header, size in ((8, 300), (500, 520), (500, 5000)):
        data = nal.units(nal.unit(5, 200), nal.unit(5, size))
        codec = each_unit(lambda start, end, header=header: [(start + min(header, end - start), end)])
        assert encrypted(codec, scheme, data) != data
    entry = nal.hevc_codec().sample_entry()
    for header, size, is_fine in ((1800, 9000, True), (1800, 2000, False), (5000, 50_000, False)):
        data = nal.units(nal.unit(19, 200, HEVC), nal.unit(19, size, HEVC))
        codec = nal.Written(entry, [(20, 204), (208 + header, 208 + size)])
        if is_fine:
            assert encrypted(codec, scheme, data) != data
        else:
            with pytest.raises(ProtectionError, match="all header"):
                encrypted(codec, scheme, data)


# ---- what is rightly clear -----------------------------------------------------------------------------------------


@SCHEMES
def test_short_slices_and_units_without_pictures_are_rightly_clear(scheme):
    codec = kit.camera()[0][0].codec
    for data in (
        b"",
        nal.units(nal.unit(9, 2)),
        nal.units(nal.unit(6, 5000), nal.unit(12, 5000), nal.unit(14, 200)),
        nal.units(nal.unit(9, 2), nal.unit(28, 40)),
        nal.units(nal.unit(9, 2)) + bytes(200),
    ):
        assert encrypted(codec, scheme, data) == data


STILL = {
    "x264 veryfast": ("libx264", "color=gray", ["-preset", "veryfast"]),
    "x264 ultrafast, 4 slices": ("libx264", "color=gray", ["-preset", "ultrafast", "-slices", "4"]),
    "x264 8 slices, bars": ("libx264", "smptebars=", ["-preset", "fast", "-slices", "8"]),
    "x264 B-frames, still": ("libx264", "smptebars=", ["-preset", "medium", "-tune", "stillimage", "-bf", "4"]),
    "x264 baseline, CAVLC": ("libx264", "color=black", ["-preset", "faster", "-profile:v", "baseline"]),
    "x264 weights, 16 references": ("libx264", "color=gray", ["-x264-params", "weightp=2:ref=16:slices=17"]),
    "x265 ultrafast": ("libx265", "color=gray", ["-preset", "ultrafast", "-x265-params", "log-level=0"]),
    "x265 4 slices": ("libx265", "color=gray", ["-preset", "veryfast", "-x265-params", "log-level=0:slices=4"]),
    "x265 wavefronts": ("libx265", "smptebars=", ["-preset", "fast", "-x265-params", "log-level=0:wpp=1:ctu=16"]),
    "x265 wavefronts, 8 slices": (
        "libx265", "color=black", ["-preset", "fast", "-x265-params", "log-level=0:slices=8:wpp=1:ctu=16"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STILL)
def test_still_scenes_are_recorded_though_nearly_no_sample_has_a_protected_byte(make_clip, name):
    from onvif_bmff.ingest.mp4 import open_mp4

    encoder, scene, options = STILL[name]
    size = "320x192" if encoder == "libx264" else "320x256"
    joint = ":" if scene.endswith("=") is False else ""
    source = ["-f", "lavfi", "-i", f"{scene}{joint}s={size}:r=25:d=3", "-g", "75"]
    clip = make_clip(f"still-{list(STILL).index(name)}.mp4", [*source, "-c:v", encoder, *options])
    with open_mp4(clip) as opened:
        track = opened.tracks[0]
        samples = [replace(one, data=bytes(one.data)) for one in opened.samples()]
    for mode in ("cenc", "cbcs-seig"):
        objects = kit.record([kit.entry(mode)], tracks=(track,), samples=samples)
        played = [one for body in objects for one in slow_reader.read(body.body, kit.SECRETS)[0][track.track_id]]
        assert played == [one.data for one in samples]


def test_the_guard_lets_all_real_files_pass(shared_media):
    """Whatever could be encrypted without it; two files call something H.264 that is not."""
    from onvif_bmff.ingest.mp4 import open_mp4

    seen, refused = 0, []
    for path in sorted((shared_media / "media").rglob("*.mp4")):
        try:
            with open_mp4(path) as source:
                tracks, samples = source.tracks, [one for one in source.samples() if isinstance(one, Sample)]
                for track in tracks:
                    own = [one for one in samples if one.track_id == track.track_id][:100]
                    if not own or encryption_fault([kit.entry()], track.token, track.codec) is not None:
                        continue
                    made = encryptor(track.codec)
                    for one in own:
                        made.encrypt([one])
                        seen += 1
        except ProtectionError as error:
            refused.append(f"{path.name}: {error}")
        except (OnvifBmffError, OSError):
            continue  # cannot be read, encrypted or not
    assert [one for one in refused if "is encrypted" not in one] == []
    assert seen > 2000


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 31), st.integers(1, 400)), min_size=1, max_size=6),
    st.sampled_from([ProtectionScheme.CENC, ProtectionScheme.CBCS]),
    st.data(),
)
def test_what_is_stored_has_no_slice_of_a_block_in_the_clear(kinds, scheme, data):
    """Whatever units there are, and whichever of them a codec names: refused, or protected beyond the lead."""
    sample = nal.units(*(nal.unit(kind, size) for kind, size in kinds))
    at, places = 0, []
    for _, size in kinds:
        places.append((at + 4, at + 4 + size))
        at += 4 + size
    named = [place for place in places if data.draw(st.booleans())]
    codec = nal.Written(nal.avc_entry(), [(min(start + 6, end), end) for start, end in named])
    try:
        stored = encrypted(codec, scheme, sample)
    except ProtectionError:
        return
    for (kind, size), (start, end) in zip(kinds, places, strict=True):
        if kind in AVC.vcl and size >= 112 + 16:
            assert stored[start:end] != sample[start:end]


# ---- where tracks are told of it -----------------------------------------------------------------------------------


def test_a_fault_of_encryption_is_known_before_anything_is_recorded():
    video, audio, metadata = kit.camera()[0]
    av1 = Track("VIDEO001", 1, 1000, PassThroughCodec(replace(nal.plain_entry("mp4v"), type="av01"), "vide"))
    assert "av01" in str(encryption_fault([kit.entry()], av1.token, av1.codec))
    assert encryption_fault([kit.entry(tracks=("AUDIO001",))], av1.token, av1.codec) is None
    assert encryption_fault([], av1.token, av1.codec) is None
    for track in (video, audio, metadata):
        assert encryption_fault([kit.entry()], track.token, track.codec) is None
