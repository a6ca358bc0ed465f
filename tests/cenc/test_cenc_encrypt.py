"""What the recorder encrypts, read back by a second implementation and by the library, in all modes."""

import struct
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import cenc_recordings as kit
import cenc_slow_reader as slow_reader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import (
    AsymmetricKeySystemHeaderBox,
    MovieBox,
    MovieFragmentBox,
    ProtectionSystemSpecificHeaderBox,
    SampleAuxiliaryInformationSizesBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    SegmentIndexBox,
    TrackEncryptionBox,
    TrackFragmentBox,
    UnknownBox,
    parse_boxes,
    seig_entries,
)
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.encrypt import IvSources, TrackEncryptor
from onvif_bmff.cenc.iv import CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, RotatingKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.errors import BitstreamError, MediaError, ProtectionError, UnsupportedSchemeError
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import SegmentOpened
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.segment import FragmentLimits

RING = KeyRing([kit.KEY, kit.OTHER_KEY])
MODES = pytest.mark.parametrize("mode", kit.MODES)
FORMATS = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
ONE_FRAGMENT = FragmentLimits(video=100.0, other=100.0)


def play(objects, keys=RING):
    """The samples of objects, decrypted by the library."""
    found = {}
    for one in objects:
        source = Mp4Input(one.body)
        for sample in source.samples(FragmentDecryptor(keys, source.data)):
            found.setdefault(sample.track_id, []).append(bytes(sample.data))
    return found


def play_slowly(objects, keys=kit.SECRETS):
    """The samples of objects by the second implementation, and the vectors used, by object."""
    found, used = {}, []
    for one in objects:
        samples, vectors = slow_reader.read(one.body, keys)
        used.append(vectors)
        for number, data in samples.items():
            found.setdefault(number, []).extend(data)
    return found, used


def boxes_of(body, kind):
    return [box for top in parse_boxes(body) for _, box in top.walk() if isinstance(box, kind)]


def header_of(one):
    """ftyp and moov of an object."""
    first = next(box for box in parse_boxes(one.body) if isinstance(box, MovieFragmentBox))
    return one.body[: first.offset]


def without_constant_ivs(header):
    """A header in which the constant vectors are zero."""
    for tenc in boxes_of(header, TrackEncryptionBox):
        if tenc.default_constant_iv:
            header = header.replace(tenc.default_constant_iv, bytes(16))
    return header


@pytest.mark.requirement("ANX-B.8-01", "ANX-B.8-06", "ANX-B.8-07", "REC-4.1.3-04")
@FORMATS
@MODES
def test_a_second_implementation_reads_every_mode(mode, form):
    objects = kit.record([kit.entry(mode)], form=form)
    clear = kit.payloads(kit.camera()[1])
    assert play(objects) == clear
    assert play_slowly(objects)[0] == clear
    schemes = {track.scheme for one in objects for track in _tracks(one)}
    assert schemes == {mode[:4]}


def _tracks(one):
    return [slow_reader.read_track(trak) for trak in slow_reader.boxes(one.body)[1].find_all("trak")]


@MODES
def test_hardly_a_sample_stays_as_it_was(mode):
    """The control of the tests above: something is encrypted indeed, and a wrong key gives rubbish."""
    clear = kit.payloads(kit.camera()[1])
    stored = {}
    for one in kit.record([kit.entry(mode)]):
        wrong = {kid: bytes(16) for kid in kit.SECRETS}
        for number, data in slow_reader.read(one.body, wrong)[0].items():
            stored.setdefault(number, []).extend(data)
    for number, samples in clear.items():
        same = sum(a == b for a, b in zip(samples, stored[number], strict=True))
        tiny = sum(len(sample) < 130 for sample in samples)
        assert same <= tiny, "only samples of almost nothing but headers stay"
        assert same < len(samples) / 2


@pytest.mark.requirement("REC-5.3.1-17")
def test_without_entries_nothing_is_encrypted():
    for one in kit.record():
        assert not boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
        assert {track.scheme for track in _tracks(one)} == {None}
        assert b"senc" not in one.body[:4000]


@pytest.mark.requirement("ANX-B.8-02", "ANX-B.8-03", "ANX-B.8-04", "REC-5.25-15", "ANX-B.8.1-06")
@FORMATS
def test_entries_cover_their_tracks_and_no_others(form):
    entries = [
        kit.entry("cbcs-seig", tracks=("VIDEO001",)),
        kit.entry("cenc", kit.OTHER_KEY, tracks=("META001",)),
    ]
    objects = kit.record(entries, form=form)
    found = {track.number: (track.scheme, track.default and track.default.kid) for o in objects for track in _tracks(o)}
    video, audio, metadata = kit.camera()[0]
    assert found == {
        video.track_id: ("cbcs", kit.KEY.kid.bytes),
        audio.track_id: (None, None),
        metadata.track_id: ("cenc", kit.OTHER_KEY.kid.bytes),
    }
    assert play(objects) == play_slowly(objects)[0] == kit.payloads(kit.camera()[1])
    for one in objects:
        own = {track.default.kid for track in _tracks(one) if track.scheme}
        headers = boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
        assert [[kid.bytes for kid in header.kids] for header in headers] == ([sorted(own)] if own else [])


@pytest.mark.requirement("REC-5.7-02")
def test_entries_that_overlap_are_refused():
    with pytest.raises(MediaError, match="only one"):
        kit.recorder([kit.entry(), kit.entry(tracks=("VIDEO001",))])
    with pytest.raises(MediaError, match="two encryption entries"):
        kit.recorder([kit.entry(tracks=("VIDEO001",)), kit.entry("cbcs-seig", tracks=("AUDIO001", "VIDEO001"))])


@pytest.mark.requirement("ANX-B.8.1-05")
def test_the_common_header_counts_keys_and_not_entries():
    """Two entries with one key, and a track in the clear: one KID. Two with two keys: two, in the order of tracks."""
    for other, expected in ((kit.KEY, [kit.KEY.kid]), (kit.OTHER_KEY, [kit.KEY.kid, kit.OTHER_KEY.kid])):
        entries = [kit.entry(tracks=("VIDEO001",)), kit.entry("cenc", other, tracks=("AUDIO001",))]
        for one in kit.record(entries, form=MP4):
            (header,) = boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
            assert list(header.kids) == expected
        for one in kit.record(entries, form=CMAF):
            own = {"m4v": [kit.KEY.kid], "m4a": [other.kid]}.get(one.key.extension)
            headers = boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
            assert [list(header.kids) for header in headers] == ([own] if own else [])


def test_one_kid_for_two_keys_is_refused():
    other = ContentKey(kit.KEY.kid, bytes(16))
    entries = [kit.entry(tracks=("VIDEO001",)), kit.entry("cenc", other, tracks=("AUDIO001",))]
    with pytest.raises(ProtectionError, match="two different keys"):
        kit.record(entries)


@pytest.mark.requirement("ANX-B.8-09", "ANX-B.8.1-01", "ANX-B.8.1-03", "ANX-B.8.1-04", "ANX-B.8.1-06", "ANX-B.8.1-07")
@MODES
def test_each_segment_has_one_common_header(mode):
    for one in kit.record([kit.entry(mode)], form=MP4):
        (header,) = boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
        wire = header.build()
        assert len(wire) == 52
        assert wire[4:12] == b"pssh\1\0\0\0"
        assert wire[12:28] == bytes.fromhex("1077efecc0b24d02ace33c1e52e2fb4b")
        assert wire[28:] == b"\0\0\0\1" + kit.KEY.kid.bytes + bytes(4)
        assert header in next(box for box in parse_boxes(one.body) if isinstance(box, MovieBox)).children


@pytest.mark.requirement("ANX-B.8.1-02", "ANX-B.8.2-10")
def test_headers_of_other_systems_come_after_the_common_one():
    from uuid import uuid4

    other = ProtectionSystemSpecificHeaderBox(version=0, system_id=uuid4(), data=b"licence server")
    for one in kit.record([kit.entry(headers=(lambda key, at: (other,),))]):
        headers = boxes_of(one.body, ProtectionSystemSpecificHeaderBox)
        assert [header.system_id == other.system_id for header in headers] == [False, True]
        assert headers[1].data == b"licence server"


# ---- vectors ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.8-08")
@FORMATS
@pytest.mark.parametrize("mode", ["cenc", "cbcs-seig", "cbcs-sample", "cbcs-segment"])
def test_every_fragment_has_vectors_of_its_own(mode, form):
    """Over tracks, spans and two runs of the recorder with new sources, as after a restart."""
    seen = {}
    for run in range(2):
        objects = kit.record([kit.entry(mode)], form=form, ivs=kit.own_ivs(), segment=1)
        for number, one in enumerate(objects):
            for used in slow_reader.read(one.body, kit.SECRETS)[1]:
                if mode == "cenc":
                    assert (used.kid, used.iv) not in seen, "a vector for each sample"
                    assert len(used.iv) == 8
                place = (run, number, used.fragment)
                assert seen.setdefault((used.kid, used.iv), place) == place
    assert len(seen) > 15


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_vector_repeats_over_recorders_spans_and_restarts(data):
    """Two recorders share the sources, spans open and close; the process restarts, with a store or without."""
    seen = set()
    kept = {}

    class Store:
        def reserve(self, kid, bits, count, fresh):
            first = kept.get(kid, fresh)
            kept[kid] = (first + count) % 2**bits
            return first

    samples = [Sample(7, 1000 * n, 1000, b"0123456789abcdef" * 2) for n in range(6)]
    for _ in range(data.draw(st.integers(1, 4))):
        ivs = IvSources(CencIvAllocators(store=data.draw(st.sampled_from([None, Store()])), reserve=7))
        for _ in range(data.draw(st.integers(1, 3))):
            tracks = (Track("META001", 7, 1000, MetadataCodec()),)
            mode = data.draw(st.sampled_from(["cenc", "cbcs-seig"]))
            objects = kit.record([kit.entry(mode)], tracks=tracks, samples=samples, ivs=ivs, segment=1)
            for one in objects:
                fragments = {}
                for used in slow_reader.read(one.body, kit.SECRETS)[1]:
                    if mode == "cenc":
                        assert used.iv not in seen
                        seen.add(used.iv)
                    fragments.setdefault(used.fragment, set()).add(used.iv)
                if mode != "cenc":
                    for (iv,) in fragments.values():
                        assert iv not in seen
                        seen.add(iv)


@pytest.mark.requirement("ANX-B.8-08")
def test_recorders_that_are_given_no_sources_of_vectors_share_those_of_the_process():
    """One after the other under one key: one run of numbers for all, so that a process counts as one run."""
    seen = set()
    for _ in range(3):
        for one in kit.record([kit.entry("cenc")], ivs=None):
            for used in slow_reader.read(one.body, kit.SECRETS)[1]:
                assert used.iv not in seen
                seen.add(used.iv)
    numbers = {int.from_bytes(iv, "big") for iv in seen}
    first = next(number for number in numbers if (number - 1) % 2**64 not in numbers)
    assert numbers == {(first + one) % 2**64 for one in range(len(numbers))}


@pytest.mark.requirement("ANX-B.8-06", "ANX-B.8-08")
@FORMATS
def test_vectors_of_16_bytes(form):
    """For keys that very many runs share: readers decrypt them, and the blocks of two samples never meet."""
    blocks = {}
    clear = kit.record(form=form)
    objects = kit.record([kit.entry("cenc")], form=form, ivs=kit.own_ivs(Random(4).randbytes, size=16))
    assert len(objects) == len(clear) > 3
    for one, plain in zip(objects, clear, strict=True):
        samples, vectors = slow_reader.read(one.body, kit.SECRETS)
        assert samples == slow_reader.read(plain.body, {})[0]
        (size,) = {tenc.default_per_sample_iv_size for tenc in boxes_of(one.body, TrackEncryptionBox)}
        assert size == 16
        for used in vectors:
            assert len(used.iv) == 16
            first = int.from_bytes(used.iv, "big")
            blocks[first] = first + used.blocks
    order = sorted(blocks)
    assert all(blocks[one] <= following for one, following in pairwise(order))


def test_a_sample_too_long_for_a_vector_of_16_bytes_is_refused(monkeypatch):
    from onvif_bmff.cenc import encrypt

    monkeypatch.setattr(encrypt, "MAX_SAMPLE_OF_16", 100)
    encryptor = encrypt.TrackEncryptor(ProtectionScheme.CENC, kit.KEY, MetadataCodec(), ivs=kit.own_ivs(size=16))
    encryptor.encrypt([Sample(7, 0, 1, bytes(100))])
    with pytest.raises(ProtectionError, match="at most 100 bytes"):
        encryptor.encrypt([Sample(7, 0, 1, bytes(101))])


def test_a_track_vector_lasts_for_the_span():
    objects = kit.record([kit.entry("cbcs-track")], form=MP4, segment=1)
    by_track = {}
    for one in objects:
        for used in slow_reader.read(one.body, kit.SECRETS)[1]:
            by_track.setdefault(used.fragment[1], set()).add(used.iv)
    assert {len(ivs) for ivs in by_track.values()} == {1}
    assert len(set.union(*by_track.values())) == 3, "each track has its own"


def test_a_track_that_comes_late_keeps_the_vector_of_the_span():
    """The first fragment of a segment may lack a track; its tenc says the right thing even so."""
    tracks, samples = kit.camera()
    late = [one for one in samples if one.track_id != tracks[1].track_id or one.decode_time > 3 * tracks[1].timescale]
    objects = kit.record([kit.entry("cbcs-track")], form=MP4, segment=30, samples=late)
    assert play(objects) == play_slowly(objects)[0] == kit.payloads(late)


# ---- headers and spans --------------------------------------------------------------------------------------


@MODES
@FORMATS
def test_headers_of_a_span_differ_in_constant_vectors_at_most(mode, form):
    by_extension = {}
    for one in kit.record([kit.entry(mode)], form=form, segment=1):
        by_extension.setdefault(one.key.extension, []).append(header_of(one))
    for headers in by_extension.values():
        assert len(headers) > 2
        assert len({without_constant_ivs(header) for header in headers}) == 1
        if mode not in ("cbcs-seig", "cbcs-segment"):
            assert len(set(headers)) == 1
        else:
            assert len(set(headers)) == len(headers)


@FORMATS
def test_a_segment_of_one_fragment_plays_without_sample_groups(form):
    """tenc of each segment has the vector of its first fragment, for readers that pass over seig."""
    objects = kit.record([kit.entry("cbcs-seig")], form=form, limits=ONE_FRAGMENT)
    samples = {}
    for one in objects:
        body = bytearray(one.body)
        for name in (b"sgpd", b"sbgp"):
            while name in body:
                at = body.index(name)
                body[at : at + 4] = b"free"
        assert len(boxes_of(bytes(body), MovieFragmentBox)) == 1
        for number, data in slow_reader.read(bytes(body), kit.SECRETS)[0].items():
            samples.setdefault(number, []).extend(data)
    assert samples == kit.payloads(kit.camera()[1])


@MODES
def test_any_header_of_a_span_serves_all_its_fragments(mode):
    objects = [one for one in kit.record([kit.entry(mode)], segment=1) if one.key.extension == "m4v"]
    last = header_of(objects[-1])
    samples = []
    for one in objects:
        samples += slow_reader.read(one.body, kit.SECRETS, header=last)[0][kit.camera()[0][0].track_id]
    assert samples == kit.payloads(kit.camera()[1])[kit.camera()[0][0].track_id]


def test_sizes_of_boxes():
    """Section T of what is known of these boxes: sizes that a wrong field would change."""
    (first, *_) = [one for one in kit.record([kit.entry("cbcs-seig")]) if one.key.extension == "m4v"]
    assert [box.read_size for box in boxes_of(first.body, TrackEncryptionBox)] == [49]
    assert {box.read_size for box in boxes_of(first.body, SampleGroupDescriptionBox)} == {61}
    assert {box.read_size for box in boxes_of(first.body, SampleToGroupBox)} == {28}
    for group in boxes_of(first.body, SampleGroupDescriptionBox):
        (described,) = seig_entries(group)
        assert (described.kid, described.crypt_byte_block, described.skip_byte_block) == (kit.KEY.kid, 1, 9)
        assert len(described.constant_iv) == 16
    (first, *_) = kit.record([kit.entry("cenc")])
    (tenc,) = boxes_of(first.body, TrackEncryptionBox)
    assert (tenc.read_size, tenc.version, tenc.default_per_sample_iv_size) == (32, 0, 8)


def test_audio_and_metadata_in_cbcs_have_no_auxiliary_information():
    for one in kit.record([kit.entry("cbcs-seig")]):
        sizes = boxes_of(one.body, SampleAuxiliaryInformationSizesBox)
        assert bool(sizes) == (one.key.extension == "m4v")
        assert not boxes_of(one.body, SegmentIndexBox)


# ---- keys that change ---------------------------------------------------------------------------------------


def identity_wrapper(identities, *kinds):
    return KeyWrapper([identities[kind].certificate for kind in kinds], clock=lambda: kit.START)


@pytest.mark.requirement(
    "ANX-B.8.2-01", "ANX-B.8.2-02", "ANX-B.8.2-06", "ANX-B.8.2-07", "ANX-B.8.2-09", "ANX-B.8.2-11", "ANX-B.8.2-12",
    "ANX-B.8.2-13", "ANX-B.8.2-14", "ANX-B.8.2-20",
)  # fmt: skip
@FORMATS
def test_generated_keys_are_wrapped_for_every_certificate(identities, form):
    entries = [
        kit.entry("cenc", keys=RotatingKey(None), tracks=("VIDEO001",),
                  headers=(identity_wrapper(identities, "rsa2048", "p256"),)),
        kit.entry("cbcs-seig", keys=RotatingKey(None), tracks=("AUDIO001", "META001"),
                  headers=(identity_wrapper(identities, "p384"),)),
    ]  # fmt: skip
    objects = kit.record(entries, form=form)
    for one in objects:
        moov = next(box for box in parse_boxes(one.body) if isinstance(box, MovieBox))
        common, *wrapped = (box for box in moov.children if box.type == "pssh")
        used = list(dict.fromkeys(track.default.kid for track in _tracks(one)))
        assert [kid.bytes for kid in common.kids] == used, "the common one first, with the keys of this object"
        assert [box.kid.bytes for box in wrapped] == used, "then one for each key, in the same order"
        assert all(isinstance(box, AsymmetricKeySystemHeaderBox) for box in wrapped)
        for box in wrapped:
            assert (box.version, box.flags) == (1, 0)
            assert box.kid.version == 4
            assert len(box.entries) in (1, 2)
    ring = KeyRing()
    for one in objects:
        for kind in ("p256", "p384"):
            reader = PrivateKeyUnwrapper(identities[kind].key_pem, certificate=identities[kind].certificate)
            headers = boxes_of(one.body, AsymmetricKeySystemHeaderBox)
            if any(len(header.entries) == (2 if kind == "p256" else 1) for header in headers):
                ring.unlock(headers, reader)
    assert play(objects, ring) == kit.payloads(kit.camera()[1])


@pytest.mark.requirement("ANX-B.8.2-03", "ANX-B.8.2-04", "ANX-B.8.2-05", "ANX-B.8.2-15")
@FORMATS
def test_a_rotated_key_is_used_from_the_next_segment_on_in_new_spans(identities, form):
    keys = RotatingKey(timedelta(seconds=1.5))
    objects = kit.record(
        [kit.entry("cbcs-seig", keys=keys, headers=(identity_wrapper(identities, "x25519"),))], form=form, segment=1
    )
    counters, kids = {}, {}
    for one in objects:
        own = {track.default.kid for track in _tracks(one)}
        assert len(own) == 1, "a segment has one key from its first byte to its last"
        seig = {entry.kid.bytes for box in boxes_of(one.body, SampleGroupDescriptionBox) for entry in seig_entries(box)}
        assert seig == own
        kids.setdefault(one.key.extension, []).append(own.pop())
        counters.setdefault(one.key.extension, []).append(one.key.counter)
    for extension, found in kids.items():
        distinct = list(dict.fromkeys(found))
        assert len(distinct) > 2
        assert found == sorted(found, key=distinct.index), "an old key never comes back"
        restarts = [number for number, counter in enumerate(counters[extension]) if counter == 0]
        changes = [0, *(n for n in range(1, len(found)) if found[n] != found[n - 1])]
        assert restarts == changes, "all spans close when the key changes (B.2)"
    ring = KeyRing()
    reader = PrivateKeyUnwrapper(identities["x25519"].key_pem)
    for one in objects:
        ring.unlock(boxes_of(one.body, AsymmetricKeySystemHeaderBox), reader)
    assert play(objects, ring) == kit.payloads(kit.camera()[1])


@pytest.mark.requirement("ANX-B.8-10")
@FORMATS
def test_reconfigured_entries_apply_to_new_segments_only(form):
    tracks, samples = kit.camera()
    made = kit.recorder([kit.entry("cenc")], form=form, segment=2)
    made.activate(kit.START, media_time=Fraction(0))
    events = []
    for sample in samples:
        if sample.track_id == tracks[0].track_id and sample.decode_time == tracks[0].timescale * 5:
            made.reconfigure(replace(made.target, encryption=(kit.entry("cbcs-seig", kit.OTHER_KEY),)))
            opened = sum(isinstance(one, SegmentOpened) and one.key.extension in ("m4v", "mp4") for one in events)
            assert opened
        events += made.push(sample)
    events += made.deactivate()
    objects = kit.segments(events)
    lead = [one for one in objects if one.key.extension in ("m4v", "mp4")]
    schemes = [_tracks(one)[0].scheme for one in lead]
    change = schemes.index("cbcs")
    assert opened <= change, "segments that were open go on as they were"
    assert schemes == ["cenc"] * change + ["cbcs"] * (len(lead) - change)
    assert [one.key.counter for one in lead] == [*range(change), *range(len(lead) - change)]
    assert play(objects) == kit.payloads(samples)


# ---- samples of all shapes ----------------------------------------------------------------------------------


class MadeUpVideo:
    """H.264 by its sample entry; how long a slice header is stands in the slice's second byte."""

    media_type = "Video"

    def __init__(self):
        self._real = kit.camera()[0][0].codec

    def sample_entry(self):
        return self._real.sample_entry()

    def codecs_parameter(self):
        return self._real.codecs_parameter()

    def protected_ranges(self, data):
        ranges, at = [], 0
        while at < len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if data[at + 4] & 31 == 5:
                begin = min(at + 4 + 2 + data[at + 5], end)
                if begin < end:
                    ranges.append((begin, end))
            at = end
        return ranges


@st.composite
def access_units(draw):
    """A sample of a few NAL units, some of them slices of a few bytes, some of more than 65,535."""
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        kind, size = draw(st.sampled_from([5, 5, 5, 6, 9])), draw(st.one_of(st.integers(2, 60), st.integers(2, 3000)))
        if kind == 6 and draw(st.integers(0, 30)) == 0:
            size += 70_000
        body = bytes((draw(st.integers(0, 255)) + 7 * n) & 0xFF for n in range(min(size, 300))) * (size // 300 + 1)
        header = draw(st.integers(0, 40))
        unit = (bytes([kind, header]) + body)[: max(size, 2)]
        parts.append(struct.pack(">I", len(unit)) + unit)
    return b"".join(parts)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(kit.MODES)),
    st.lists(access_units(), min_size=1, max_size=8),
    st.lists(st.binary(min_size=1, max_size=90), min_size=1, max_size=8),
    st.sampled_from([CMAF, MP4]),
)
def test_play_of_record_is_what_was_there(mode, pictures, documents, form):
    tracks = (Track("VIDEO001", 1, 1000, MadeUpVideo()), Track("META001", 2, 1000, MetadataCodec()))
    samples = []
    for number in range(max(len(pictures), len(documents))):
        if number < len(pictures):
            samples.append(Sample(1, 400 * number, 400, pictures[number], number % 3 == 0))
        if number < len(documents):
            samples.append(Sample(2, 400 * number, 400, documents[number]))
    objects = kit.record([kit.entry(mode)], tracks=tracks, samples=samples, form=form, segment=1)
    assert play(objects) == kit.payloads(samples)
    assert {number: data for number, data in play_slowly(objects)[0].items() if data} == kit.payloads(samples)


def test_a_slice_that_cannot_be_parsed_stays_clear_for_96_bytes_in_cenc_and_is_an_error_in_cbcs():
    video = kit.camera()[0][0]

    class Broken(MadeUpVideo):
        def protected_ranges(self, data):
            raise BitstreamError("no such slice header")

    track = Track("VIDEO001", video.track_id, 1000, Broken())
    unit = bytes([0x65]) + bytes(range(1, 251)) * 2
    sei = b"\0\0\0\x08\x06" + bytes(7)
    sample = Sample(track.track_id, 0, 1000, sei + struct.pack(">I", len(unit)) + unit)
    objects = kit.record([kit.entry("cenc")], tracks=(track,), samples=[sample])
    assert play(objects) == play_slowly(objects)[0] == kit.payloads([sample])
    stored = objects[0].body[-len(sample.data) - 200 :]
    assert sei + struct.pack(">I", len(unit)) + unit[:96] in stored
    assert unit[120:] not in stored
    refused(track, sample, BitstreamError, "no such slice header")


def test_more_slices_than_a_record_holds():
    track = Track("VIDEO001", 1, 1000, MadeUpVideo())
    unit = bytes([5, 3]) + bytes(range(80))
    sample = Sample(1, 0, 1000, (struct.pack(">I", len(unit)) + unit) * 60)
    objects = kit.record([kit.entry("cenc")], tracks=(track,), samples=[sample])
    assert play_slowly(objects)[0] == kit.payloads([sample])
    refused(track, sample, ProtectionError, "60 slices")


@pytest.mark.requirement("ANX-B.8-01")
@pytest.mark.parametrize(("mode", "most"), [("cenc", 40), ("cbcs-seig", 42), ("cbcs-track", 42), ("cbcs-sample", 39)])
def test_records_are_as_long_as_the_byte_of_saiz_allows_and_no_longer(mode, most):
    """A vector, two bytes of count, six a slice: 255 in all. One slice more stays clear in cenc, is refused in cbcs."""
    track = Track("VIDEO001", 1, 1000, MadeUpVideo())
    unit = bytes([5, 3]) + bytes(range(80))
    for slices in (most, most + 1):
        sample = Sample(1, 0, 1000, (struct.pack(">I", len(unit)) + unit) * slices)
        made = kit.recorder([kit.entry(mode)], tracks=(track,))
        made.activate(kit.START, media_time=Fraction(0))
        made.push(sample)
        events = made.deactivate()
        if slices > most and mode != "cenc":
            assert type(made.failure) is ProtectionError
            assert f"room for {most}" in str(made.failure)
            assert events == []
            continue
        (one,) = kit.segments(events)
        assert play([one]) == play_slowly([one])[0] == kit.payloads([sample])
        (sizes,) = boxes_of(one.body, SampleAuxiliaryInformationSizesBox)
        vector = {"cenc": 8, "cbcs-sample": 16}.get(mode, 0)
        assert sizes.default_sample_info_size == vector + 2 + 6 * most <= 255 < vector + 2 + 6 * (most + 1)


def refused(track, sample, error, words):
    """In cbcs a fragment with this sample is refused with an error, once, and nothing of it is stored."""
    recording = kit.recorder([kit.entry("cbcs-seig")], tracks=(track,))
    recording.activate(kit.START, media_time=Fraction(0))
    for number in range(2):
        assert list(recording.push(replace(sample, decode_time=number * 1000))) == []
    with pytest.raises(error, match=words):
        recording.push(replace(sample, decode_time=2000))
    assert recording.deactivate() == []
    assert type(recording.failure) is error
    assert sum(recording.dropped.values()) == 3


def test_what_cannot_be_encrypted_is_refused():
    from onvif_bmff.bmff import VisualSampleEntry

    av1 = PassThroughCodec(VisualSampleEntry(type="av01", width=64, height=64), "vide")
    for scheme in (ProtectionScheme.CENC, ProtectionScheme.CBCS):
        with pytest.raises(UnsupportedSchemeError, match="av01"):
            TrackEncryptor(scheme, kit.KEY, av1, ivs=IvSources())
    with pytest.raises(ProtectionError, match="seig, sample, track, segment"):
        TrackEncryptor(ProtectionScheme.CBCS, kit.KEY, MetadataCodec(), ivs=IvSources(), iv_signalling="moov")
    with pytest.raises(UnsupportedSchemeError, match="never written"):
        TrackEncryptor(ProtectionScheme.CENS, kit.KEY, MetadataCodec(), ivs=IvSources())


def test_keys_are_in_nothing_that_is_stored_or_said(identities):
    """In no byte of any object, no attribute, and no representation of anything that has to do with keys."""
    keys = RotatingKey(timedelta(seconds=2))
    given = kit.entry("cenc", tracks=("VIDEO001",))
    made = kit.entry("cbcs-seig", keys=keys, tracks=("AUDIO001",), headers=(identity_wrapper(identities, "p256"),))
    recording = kit.recorder([given, made])
    recording.activate(kit.START, media_time=Fraction(0))
    events, secrets = [], {kit.KEY.key}
    for sample in kit.camera()[1]:
        events += recording.push(sample)
        secrets.add(keys._current.key) if keys._current else None
    router = recording._router
    parts = [getattr(router, name) for name in router.__slots__ if name != "states"]
    parts += [getattr(router.spans, name) for name in router.spans.__slots__ if name != "_states"]
    spanned = router.spans.current
    spans = "".join(map(repr, [recording, router, *parts, spanned.protection, spanned.tracks]))
    events += recording.deactivate()
    assert len(secrets) > 2
    said = spans + repr(recording.target) + repr(events) + repr(given) + repr(keys) + repr(RING)
    said += repr(FragmentDecryptor(RING)) + repr(FixedKey(kit.KEY)) + repr(IvSources())
    for secret in secrets:
        assert secret.hex() not in said.lower()
        assert repr(secret) not in said
        for one in kit.segments(events):
            assert secret not in one.body
            assert secret.hex() not in repr(one.attributes).lower()
            assert secret.hex() not in str(one.key)


@MODES
def test_what_is_packed_by_hand_is_what_the_declared_boxes_build(mode):
    for one in kit.record([kit.entry(mode)], form=MP4):
        for box in parse_boxes(one.body):
            assert box.build() == one.body[box.offset : box.offset + box.read_size]
        for traf in boxes_of(one.body, TrackFragmentBox):
            assert not [box.type for box in traf.children if isinstance(box, UnknownBox) or box.trailing]
            for box in traf.find_all(SampleGroupDescriptionBox):
                assert b"".join(entry.build() for entry in seig_entries(box)) == box.descriptions
                assert box.default_length == len(box.descriptions)


def test_groups_cover_all_samples():
    for one in kit.record([kit.entry("cbcs-seig")], form=MP4):
        for traf in boxes_of(one.body, TrackFragmentBox):
            (mapping,) = traf.find_all(SampleToGroupBox)
            ((count, index),) = mapping.entries.rows()
            assert index == 0x10001
            assert count == sum(box.sample_count for box in traf.children if box.type == "trun")
