"""Clear bytes of encrypted tracks: every one has a reason, and a track that is not encrypted at all is found."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from validation_kit import CBCS, CENC, KEYS, MJPEG, START, clip, entry, jpegs, objects_of, opened, put, record

from onvif_bmff.bmff import SampleEncryptionBox, TrackEncryptionBox
from onvif_bmff.bmff.fragment import SampleGroupDescriptionBox
from onvif_bmff.bmff.protection import read_auxiliary_info, seig_entries
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.slice_data import SliceData
from onvif_bmff.cli.main import main
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media import Sample
from onvif_bmff.playback import read_segment
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import EncryptionProof, validate_store
from onvif_bmff.validation.clear_bytes import Clear

FORMATS = pytest.mark.parametrize("format_", [CMAF, MP4], ids=["CMAF", "MP4"])
SCHEMES = pytest.mark.parametrize("scheme", [CENC, CBCS], ids=["cenc", "cbcs"])
RULE = {(CENC, CMAF): "C-66", (CENC, MP4): "ANX-B.8-06", (CBCS, CMAF): "C-67", (CBCS, MP4): "ANX-B.8-07"}
VIDEO = 1


class Silent:
    """A codec of the clip's video that names no slice at all, or only those of some samples."""

    media_type = "Video"

    def __init__(self, codec, says=lambda data: ()):
        self._codec, self._says = codec, says

    def sample_entry(self):
        return self._codec.sample_entry()

    def codecs_parameter(self):
        return self._codec.codecs_parameter()

    def protected_ranges(self, data):
        return self._says(data)


@pytest.fixture
def unguarded(monkeypatch):
    """The encryptor as it was: what a codec leaves out lies in the clear."""
    monkeypatch.setattr(SliceData, "checked", lambda self, data, ranges, *, lenient: ranges or ())
    monkeypatch.setattr(SliceData, "check_clear", lambda self, data, ranges, protected=(): None)


def recorded(scheme, format_=CMAF, *, says=None, keep=(1, 2, 3), tracks=None, samples=None, **more):
    found, given = clip()
    chosen = [track for track in found if track.track_id in keep] if tracks is None else tracks
    if says is not None:
        chosen = [replace(one, codec=Silent(one.codec, says)) if one.track_id == VIDEO else one for one in chosen]
    numbers = {track.track_id for track in chosen}
    wanted = [one for one in (given if samples is None else samples) if one.track_id in numbers]
    entries = more.pop("encryption", (entry(scheme, **more.pop("entry", {})),) if scheme else ())
    return record(chosen, wanted, format=format_, encryption=entries, **more)


def prove(store, **more):
    """The proof, and the rules that were broken."""
    proof = EncryptionProof()
    return proof, {finding.rule for finding in validate_store(store, proof=proof, **more)}


def by_media(proof):
    return {one.media: one for one in proof.tracks}


# ---- not one protected byte ----------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.8-06", "ANX-B.8-07")
@FORMATS
@SCHEMES
def test_a_track_without_one_protected_byte_is_found(unguarded, scheme, format_):
    store = recorded(scheme, format_, says=lambda data: ())
    found = [one for one in validate_store(store) if "not encrypted" in one.message]
    assert {one.rule for one in found} == {RULE[scheme, format_]}
    assert {one.key.rpartition(".")[2] for one in found} == {"m4v" if format_ is CMAF else "mp4"}
    assert len(found) == sum(key.endswith((".m4v", ".mp4")) for key in objects_of(store)), "once for each object"
    assert all(one.offset for one in found)
    proof, rules = prove(store)
    assert RULE[scheme, format_] in rules
    video = by_media(proof)["video"]
    assert video.account.encrypted == 0
    assert video.account.unexplained > 100_000
    assert proof.faults


@SCHEMES
def test_an_object_is_judged_by_its_largest_sample(unguarded, scheme):
    """In most pictures of a still scene nothing is protected; one large one with protected bytes is enough."""
    video = clip()[0][0]
    largest = max(len(one.data) for one in clip()[1] if one.track_id == VIDEO)
    all_of = video.codec.protected_ranges
    only_large = recorded(scheme, keep=(1,), says=lambda data: all_of(data) if len(data) > largest // 4 else ())
    assert RULE[scheme, CMAF] not in {one.rule for one in validate_store(only_large)}
    proof, rules = prove(only_large)
    assert RULE[scheme, CMAF] in rules, "but a proof looks at all of them"
    assert by_media(proof)["video"].account.unexplained
    only_small = recorded(scheme, keep=(1,), says=lambda data: () if len(data) > largest // 4 else all_of(data))
    assert RULE[scheme, CMAF] in {one.rule for one in validate_store(only_small)}


def test_samples_that_are_all_said_to_be_clear():
    """By tenc alone, and by sample groups: an entry 'encv' that encrypts nothing."""
    store = recorded(CENC, keep=(1,), segment_duration=timedelta(seconds=60))
    with opened(store, "m4v", 0) as obj:
        tenc = obj.inside(obj.trak(), TrackEncryptionBox)
        tenc.default_is_protected, tenc.default_per_sample_iv_size = 0, 0
        for number in range(len(obj.moofs)):
            traf = obj.traf(number)
            traf.children = tuple(box for box in traf.children if box.type not in ("senc", "saiz", "saio"))
    assert "C-66" in {one.rule for one in validate_store(store)}
    store = recorded(CBCS, keep=(3,), segment_duration=timedelta(seconds=60))
    with opened(store, "m4m", 0) as obj:
        for number in range(len(obj.moofs)):
            group = obj.inside(obj.traf(number), SampleGroupDescriptionBox)
            made = replace(seig_entries(group)[0], is_protected=0, constant_iv=b"")
            group.descriptions = made.build()
            group.default_length = len(group.descriptions)
    assert "C-67" in {one.rule for one in validate_store(store)}


def test_other_media_with_a_map_that_leaves_all_clear():
    """Subsamples are for video in NAL units; a map over XML or audio can say that nothing is encrypted."""
    store = recorded(CENC, keep=(3,), segment_duration=timedelta(seconds=60))
    with opened(store, "m4m", 0) as obj:
        for number in range(len(obj.moofs)):
            traf = obj.traf(number)
            senc = obj.inside(traf, SampleEncryptionBox)
            ivs = [one.iv for one in read_auxiliary_info(senc.data, senc.sample_count, 8, subsamples=False)]
            size = 28
            senc.flags, senc.data = 2, b"".join(iv + b"\0\1" + size.to_bytes(2, "big") + bytes(4) for iv in ivs)
    proof, rules = prove(store)
    assert rules & {"C-66", "C-64"}
    assert not by_media(proof)["metadata"].account.encrypted


# ---- what must be clear --------------------------------------------------------------------------------------------


@FORMATS
@pytest.mark.parametrize("mode", ["cenc", "seig", "sample", "track", "segment"])
def test_every_clear_byte_of_what_is_recorded_has_a_reason(mode, format_):
    """And the sum is that of all payloads; what is stored differs from the source in no more bytes than are counted."""
    scheme = CENC if mode == "cenc" else CBCS
    store = recorded(scheme, format_, entry={"iv_signalling": mode if scheme is CBCS else "seig"})
    proof, _ = prove(store)
    assert proof.faults == []
    total = sum(len(one.data) for one in clip()[1])
    assert sum(one.account.size for one in proof.tracks) == total
    assert sum(one.samples for one in proof.tracks) == len(clip()[1])
    changed = changed_bytes(store)
    for one in proof.tracks:
        assert one.account.unexplained == one.account.clear[Clear.UNSEEN] == 0
        assert 0.98 * one.account.encrypted <= changed[one.track_id] <= one.account.encrypted
    video = by_media(proof)["video"].account
    assert (video.clear[Clear.PATTERN] > 0) == (scheme is CBCS)
    assert video.clear[Clear.LENGTHS]
    assert video.clear[Clear.HEADERS]
    assert video.clear[Clear.OTHER_UNITS]


def changed_bytes(store):
    """How many stored bytes differ from the clear ones, by track."""
    found = {}
    for key in objects_of(store):
        if key.endswith("_end"):
            continue
        body = store.get(key)
        clear = {}
        for one in read_segment(body, keys=KeyRing(KEYS)).samples():
            clear.setdefault(one.track_id, []).append(bytes(one.data))
        for track_id, samples in clear.items():
            stored = [
                bytes(one.data)
                for one in Mp4Input(body).samples(lambda part, samples: iter(samples))
                if one.track_id == track_id
            ]
            for before, after in zip(samples, stored, strict=True):
                found[track_id] = found.get(track_id, 0) + sum(map(int.__ne__, before, after))
    return found


def test_surplus_slices_and_slices_of_less_than_a_block_are_named():
    track = clip()[0][0]
    unit = bytes([0x65, 1]) + bytes(range(80))
    long_one = (len(unit).to_bytes(4, "big") + unit) * 60
    short = (b"\0\0\0\x0a\x65" + bytes(9)) * 3

    def says(data):
        step = 4 + int.from_bytes(data[:4], "big")
        return [(at + 6, at + step) for at in range(0, len(data), step)]

    samples = [Sample(VIDEO, n * 3600, 3600, long_one if n % 2 == 0 else short) for n in range(6)]
    store = recorded(CENC, tracks=[replace(track, timescale=90_000, codec=Silent(track.codec, says))], samples=samples)
    proof, _ = prove(store)
    (video,) = proof.tracks
    assert video.account.encrypted
    assert sum(video.account.clear.values()) + video.account.encrypted == sum(len(one.data) for one in samples)
    assert video.account.clear[Clear.SHORT] or video.account.clear[Clear.LEAD]


def test_what_cannot_be_looked_into_is_no_proof():
    store = recorded(CENC, keep=(1,), segment_duration=timedelta(seconds=60))
    with opened(store, "m4v", 0) as obj:
        traf = obj.traf(0)
        traf.children = tuple(box for box in traf.children if box.type not in ("senc", "saiz", "saio"))
    proof, _ = prove(store)
    assert proof.tracks[0].account.clear[Clear.UNSEEN]
    assert any("looked into" in fault for fault in proof.faults)


# ---- tracks that are not encrypted ---------------------------------------------------------------------------------


def test_clear_tracks_are_named_and_fail_where_nothing_or_only_a_part_is_encrypted():
    clear, _ = prove(recorded(None))
    assert clear.faults == ["no encrypted track was seen"]
    assert sum(one.clear_bytes for one in clear.tracks) == sum(len(one.data) for one in clip()[1])
    some, _ = prove(recorded(CBCS, entry={"tracks": ("VIDEO001",)}))
    assert some.faults == []
    assert [line for line in some.lines() if "NOT ENCRYPTED" in line and "audio" in line]
    assert not by_media(some)["metadata"].objects
    mixed = recorded(CBCS, keep=(3,))
    more = recorded(None, keep=(3,), start=START + timedelta(hours=1))
    for key, (body, content_type, attributes) in objects_of(more).items():
        put(mixed, key, body, content_type, attributes)
    proof, _ = prove(mixed)
    assert any("are not encrypted" in fault for fault in proof.faults)


# ---- the command ---------------------------------------------------------------------------------------------------


def copied(store, folder):
    made = DirectoryStore(folder)
    for key in objects_of(store):
        info = store.head(key)
        writer = made.open_writer(key, content_type=info.content_type)
        body = store.get(key)
        if body:
            writer.append(body)
        writer.seal(info.attributes)
    return str(folder)


def test_the_command_shows_the_count_and_fails_for_unexplained_bytes(tmp_path, capsys, unguarded):
    good, bad = (
        copied(recorded(CBCS), tmp_path / "good"),
        copied(recorded(CBCS, says=lambda data: ()), tmp_path / "bad"),
    )
    clear = copied(recorded(None), tmp_path / "clear")
    assert main(["validate", good, "--prove-encrypted"]) == 0
    out = capsys.readouterr().out
    assert "video, track 1: cbcs" in out
    assert "skipped by the pattern" in out
    assert "0  UNEXPLAINED" in out
    assert "0 unexplained" in out
    assert main(["validate", bad, "--prove-encrypted", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    video = next(one for one in found["proof"]["tracks"] if one["media"] == "video")
    assert video["encrypted"] == 0
    assert video["clear"]["unexplained"] > 100_000
    assert found["proof"]["faults"]
    assert {one["rule"] for one in found["findings"]} >= {"C-67"}
    assert main(["validate", clear, "--prove-encrypted"]) == 1
    assert "NOT ENCRYPTED" in capsys.readouterr().out
    assert main(["validate", clear]) == 0
    assert main(["validate", clear, "--prove-encrypted", "--shallow"]) == 2


def test_pictures_of_jpeg_are_counted_as_wholes():
    store = record([MJPEG], jpegs(5), encryption=(entry(CBCS),))
    proof, rules = prove(store, keys=KeyRing(KEYS))
    (video,) = proof.tracks
    assert rules == set()
    assert set(video.account.clear) <= {Clear.ALIGNMENT, Clear.PATTERN}
    assert video.account.clear[Clear.PATTERN] == 0


def test_files_of_others_are_explained_too(shared_media):
    """Of three writers whose keys nobody needs for this; one has AV1, which is not judged and so not proven."""
    seen = {}
    for name in (
        "androidx-media/drm/sample_fragmented_clearkey.mp4",
        "androidx-media/mp4/sample_fragmented_sgpd_v2.mp4",
        "mp4ff/cbcs.mp4",
        "mp4ff/prog_8s_enc_dashinit.mp4",
        "androidx-media/drm/sample_av1c_fragmented_clearkey.mp4",
    ):
        store = MemoryStore()
        writer = store.open_writer("2022-11-08/15/08-23.547Z.0.mp4", content_type="video/mp4")
        writer.append((shared_media / "media" / name).read_bytes())
        writer.seal({})
        proof, _ = prove(store)
        seen[name] = [one.account for one in proof.tracks if one.media == "video"]
    *others, av1 = seen.values()
    for (one,) in others:
        assert one.encrypted > 3000
        assert one.unexplained == one.clear[Clear.UNSEEN] == 0
    assert av1[0].unexplained
