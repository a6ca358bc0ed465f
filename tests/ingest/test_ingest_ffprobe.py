"""Input agrees with ffprobe, packet by packet: count, payload, times, key frames."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest

from onvif_bmff.bmff import AvcConfigurationBox
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest import Mp4Input, open_mp4
from onvif_bmff.media.nal import iter_nal_units
from onvif_bmff.media.track import Sample

pytestmark = pytest.mark.interop

VIDEO = ("-f", "lavfi", "-i", "testsrc2=s=192x128:r=25:d=3")
NTSC = ("-f", "lavfi", "-i", "testsrc2=s=192x128:r=30000/1001:d=3")
TONE = ("-f", "lavfi", "-i", "sine=r=48000:d=3")
VOICE = ("-f", "lavfi", "-i", "sine=r=8000:d=3")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-x264-params", "slices=3:b-pyramid=none")
H265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=3:keyint=15")
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov+default_base_moof")

CLIPS = {
    "h264_aac.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac"),
    "h264_ntsc.mp4": (*NTSC, *TONE, *H264, "-c:a", "aac"),
    "h264_aac_frag.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac", *FRAGMENTS),
    "h264_old_offsets_frag.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "h264_apart_frag.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac", *FRAGMENTS[:1], FRAGMENTS[1] + "+separate_moof"),
    "h264_negative_cts_frag.mp4": (*VIDEO, *H264, *FRAGMENTS[:1], FRAGMENTS[1] + "+negative_cts_offsets"),
    "h264_negative_cts.mp4": (*VIDEO, *H264, "-movflags", "negative_cts_offsets"),
    "h264_mixed_frag.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac", "-movflags", "frag_keyframe"),
    "h264_faststart.mp4": (*VIDEO, *TONE, *H264, "-c:a", "aac", "-movflags", "faststart"),
    "h264_vfr.mp4": (*VIDEO, "-vf", "select='not(mod(n\\,3))+eq(mod(n\\,7)\\,1)'", "-vsync", "vfr", *H264),
    "h264_delayed_audio.mp4": (*VIDEO, "-itsoffset", "0.5", *TONE, *H264, "-c:a", "aac"),
    "h265_aac.mp4": (*VIDEO, *TONE, *H265, "-c:a", "aac"),
    "h265_hvc1_frag.mp4": (*NTSC, *H265, "-tag:v", "hvc1", *FRAGMENTS),
    "opus.mp4": (*TONE, "-c:a", "libopus"),
    "aac_only.m4a": (*TONE, "-c:a", "aac"),
    "aac_only_frag.mp4": (*TONE, "-c:a", "aac", *FRAGMENTS, "-frag_duration", "500000"),
    "mjpeg.mp4": (*VIDEO, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "mjpeg.mov": (*VIDEO, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "alaw.mov": (*VOICE, "-c:a", "pcm_alaw"),
    "ulaw_stereo.mov": (*VOICE, "-ac", "2", "-c:a", "pcm_mulaw"),
    "h264_ulaw.mov": (*VIDEO, *VOICE, *H264, "-c:a", "pcm_mulaw"),
    "vp9.mp4": (*VIDEO, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
    "mpeg4.mp4": (*VIDEO, "-c:v", "mpeg4", "-bf", "2"),
}


def as_is(fragment, samples):
    """In place of decryption: ffprobe shows encrypted samples as they are."""
    return samples


def samples_of(source: Mp4Input) -> dict[int, list[Sample]]:
    found: dict[int, list[Sample]] = {track.track_id: [] for track in source.tracks}
    for item in source.samples(as_is if source.is_protected else None):
        assert isinstance(item, Sample)
        found[item.track_id].append(item)
    return found


def compare(path: Path, probe, *leave_out: str) -> None:
    """Hold our samples to ffprobe's packets, with edit lists left aside on both sides."""
    streams = probe(path, "-ignore_editlist", "1")
    with open_mp4(path) as source:
        ours = samples_of(source)
        for track, described in zip(source.tracks, source.sources, strict=True):
            theirs, samples = streams[track.track_id], ours[track.track_id]
            shift = described.presentation_shift
            assert track.timescale == theirs.timescale
            assert [len(one.data) for one in samples] == [one.size for one in theirs.packets]
            assert [hashlib.md5(one.data).hexdigest() for one in samples] == [one.md5 for one in theirs.packets]
            if not samples:
                continue
            # In fragments with negative composition offsets ffprobe moves all times forward by the lowest.
            lowest = min([0, *(one.composition_offset for one in samples)])
            moved = -lowest if lowest and not described.sample_count else 0
            pts = [one.decode_time + one.composition_offset - shift + moved for one in samples]
            assert pts == [one.pts for one in theirs.packets]
            dts = [one.decode_time - shift + moved + lowest for one in samples]
            assert dts == [one.dts for one in theirs.packets]
            if "order" not in leave_out:
                for one, following in pairwise(samples):
                    assert one.decode_time + one.duration == following.decode_time
            if "keys" not in leave_out:
                assert [one.sync for one in samples] == [one.key for one in theirs.packets]


@pytest.mark.parametrize("name", CLIPS)
def test_clips_read_as_ffprobe_reads_them(name, make_clip, probe):
    compare(make_clip(name, CLIPS[name]), probe)


@pytest.mark.parametrize("name", ["h264_aac.mp4", "h264_ntsc.mp4", "opus.mp4", "aac_only.m4a", "mjpeg.mp4", "alaw.mov"])
def test_durations_are_those_of_ffprobe(name, make_clip, probe):
    """Only of progressive files with one frame rate: elsewhere ffprobe's durations are guesses."""
    streams = probe(make_clip(name, CLIPS[name]), "-ignore_editlist", "1")
    with open_mp4(make_clip(name, CLIPS[name])) as source:
        for number, samples in samples_of(source).items():
            assert [one.duration for one in samples] == [one.duration for one in streams[number].packets]


@pytest.mark.parametrize("name", ["h264_aac.mp4", "h264_delayed_audio.mp4", "h265_aac.mp4", "opus.mp4"])
def test_edit_lists_shift_as_in_ffprobe(name, make_clip, probe):
    """With edit lists applied, presentation times agree (ffprobe drops no packet of these)."""
    path = make_clip(name, CLIPS[name])
    streams = probe(path)
    with open_mp4(path) as source:
        for track in source.tracks:
            ours = [one.decode_time + one.composition_offset for one in samples_of(source)[track.track_id]]
            assert ours == [one.pts for one in streams[track.track_id].packets]


def test_samples_come_in_the_order_of_their_decode_times(make_clip):
    for name in ("h264_aac.mp4", "h264_apart_frag.mp4", "h264_mixed_frag.mp4"):
        with open_mp4(make_clip(name, CLIPS[name])) as source:
            timescales = {track.track_id: track.timescale for track in source.tracks}
            times = [one.decode_time / timescales[one.track_id] for one in source.samples()]
            assert times == sorted(times)
            assert len(timescales) == 2


# What of which file ffprobe reads otherwise, and why.
DIFFERENT = {
    # The sample flags say "sync", but ffprobe believes the (broken) pictures instead.
    "fq/fragmented.mp4": "keys",
    "androidx-media/mp4/sample_fragmented_uuid.mp4": "keys",
    # The last sample is listed in stss, but holds no picture at all.
    "signed-video-framework-examples/signed_test_h264.mp4": "keys",
    # ffprobe keeps NAL lengths of two bytes; see the test below.
    "androidx-media/mp4/sample_2_byte_NAL_length.mp4": "all",
    # Boxes of encryption in a clear track make ffprobe refuse the file.
    "mp4ff/examples/add-sidx/clear_with_enc_boxes.mp4": "all",
    # Encrypted; ffprobe gives up where it cannot read what senc and saio say.
    "androidx-media/drm/sample_av1c_fragmented_clearkey.mp4": "all",
    "androidx-media/drm/sample_fragmented_clearkey.mp4": "all",
    "mp4ff/cbcs.mp4": "all",
    # The last of its fragments goes back to time 0.
    "mp4-atom/bbb.mp4": "order",
}


def test_real_files_read_as_ffprobe_reads_them(shared_media, probe):
    compared, failures = 0, {}
    for path in sorted((shared_media / "media").rglob("*")):
        name = str(path.relative_to(shared_media / "media"))
        if not path.is_file() or DIFFERENT.get(name) == "all":
            continue
        try:
            with open_mp4(path) as source:
                samples_of(source)
                if source.is_loss:  # cut off: ffprobe's last packets are parts of samples
                    continue
        except OnvifBmffError:
            continue
        try:
            compare(path, probe, DIFFERENT.get(name, ""))
            compared += 1
        except (AssertionError, KeyError) as error:
            failures[name] = repr(error)[:300]
    assert not failures, failures
    assert compared > 60


def test_two_byte_nal_lengths_become_four(shared_media, probe):
    path = shared_media / "media/androidx-media/mp4/sample_2_byte_NAL_length.mp4"
    (packets,) = [one.packets for one in probe(path).values() if one.kind == "video"]
    with open_mp4(path) as source:
        (track,) = [one for one in source.tracks if one.token == "VIDEO001"]
        config = track.sample_entry().find(AvcConfigurationBox)
        samples = samples_of(source)[track.track_id]
    assert config.length_size_minus_one == 3
    for sample, packet in zip(samples, packets, strict=True):
        short = b"".join(len(nal).to_bytes(2, "big") + bytes(nal) for nal in iter_nal_units(sample.data))
        assert hashlib.md5(short).hexdigest() == packet.md5
        assert track.codec.protected_ranges(sample.data)
