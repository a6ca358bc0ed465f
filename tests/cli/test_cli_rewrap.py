"""Recordings copied with their keys wrapped for other certificates: only headers and positions change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onvif_bmff.bmff import (
    AsymmetricKeySystemHeaderBox,
    Columns,
    MediaDataBox,
    MovieBox,
    MovieFragmentBox,
    SegmentIndexBox,
    TrackFragmentHeaderBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import RotatingKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper, thumbprint
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.main import main
from onvif_bmff.errors import CertificateError, StoreError
from onvif_bmff.export.rewrap import Rewrapping, rewrap_store
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.testing.recordings import recorded_events
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

NOW = UtcTime.from_datetime(datetime.now(UTC))
CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
FORMATS = pytest.mark.parametrize("format_", [CMAF, MP4], ids=["CMAF", "MP4"])


class Reader:
    """A private key, and its certificate of now."""

    def __init__(self, key, days=1):
        self.key = key
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
        begin = datetime.now(UTC) - timedelta(days=10)
        serial = x509.random_serial_number()
        end = datetime.now(UTC) + timedelta(days=days)
        made = x509.CertificateBuilder(name, name, key.public_key(), serial, begin, end).sign(key, hashes.SHA256())
        self.certificate = made.public_bytes(Encoding.PEM)
        self.pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.unwrapper = PrivateKeyUnwrapper(self.pem, certificate=self.certificate)

    def files(self, folder, name):
        (folder / f"{name}.crt").write_bytes(self.certificate)
        (folder / f"{name}.key").write_bytes(self.pem)
        return folder / f"{name}.crt", folder / f"{name}.key"


@pytest.fixture(scope="module")
def old():
    return Reader(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def new():
    return Reader(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def other():
    return Reader(ec.generate_private_key(ec.SECP384R1()))


def recorded(format_, reader, store=None, scheme=ProtectionScheme.CBCS):
    """The clip under keys that change, wrapped for one reader."""
    store = MemoryStore() if store is None else store
    keys = RotatingKey(timedelta(seconds=5))
    entry = EncryptionEntry(scheme, keys, headers=(KeyWrapper([reader.certificate]),))
    with open_mp4(CLIP) as source, StoreSink(store) as sink:
        target = RecordingTarget(
            format=format_,
            prefix="site-2",
            postfix="camera-5",
            segment_duration=timedelta(seconds=2),
            encryption=(entry,),
        )
        recorder = Recorder(source.tracks, target)
        recorder.activate(UtcTime.parse("2022-11-08T15:08:23.547Z"), media_time=Fraction(0))
        for sample in source.samples():
            sink.add_all(recorder.push(replace(sample, data=bytes(sample.data))))
        sink.add_all(recorder.deactivate())
    return store


def contents(store):
    return {
        name: (store.get(name), store.head(name).content_type, dict(store.head(name).attributes))
        for name in list(store.keys())
    }


def outcomes(*args, **options):
    return [(one.outcome, one.error) for one in rewrap_store(*args, at=NOW, **options)]


def headers_in(body):
    movie = next(box for box in parse_boxes(body) if isinstance(box, MovieBox))
    return [box for box in movie.children if isinstance(box, AsymmetricKeySystemHeaderBox)]


def media_in(body):
    return [bytes(box.data) for box in parse_boxes(body) if isinstance(box, MediaDataBox)]


@FORMATS
@pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS], ids=str)
def test_only_headers_and_positions_change(format_, scheme, old, new):
    source, target = recorded(format_, old, scheme=scheme), MemoryStore()
    before = contents(source)
    found = outcomes(source, target, [new.certificate], unwrapper=old.unwrapper)
    segments = [name for name in before if not name.endswith("_end")]
    assert [one for one, _ in found].count(Rewrapping.REWRAPPED) == len(segments) > 3
    assert [one for one, _ in found].count(Rewrapping.COPIED) == len(before) - len(segments)
    assert contents(source) == before
    assert list(target.keys()) == list(before)
    for name in segments:
        (was, kind, attributes), (body, new_kind, new_attributes) = before[name], contents(target)[name]
        assert media_in(body) == media_in(was)
        assert new_kind == kind
        assert {**new_attributes, "SeekTable": ""} == {**attributes, "SeekTable": ""}
        (header,) = headers_in(body)
        assert [entry.thumbprint for entry in header.entries] == [thumbprint(new.certificate)]
        delta = len(body) - len(was)
        assert delta == header.size - headers_in(was)[0].size != 0
        for one in SeekTable.from_base64(new_attributes["SeekTable"]).tracks:
            assert all(body[entry.moof_offset + 4 :][:4] == b"moof" for entry in one.entries)
    made = {header.kid: set() for name in segments for header in headers_in(target.get(name))}
    for name in segments:
        made[headers_in(target.get(name))[0].kid].add(headers_in(target.get(name))[0].build())
    assert len(made) > 1
    assert {len(one) for one in made.values()} == {1}, "all objects of a key have the same header"
    assert list(validate_store(target)) == []
    assert list(validate_store(target, keys=KeyRing(), unwrapper=new.unwrapper)) == []
    ring = KeyRing()
    for name in segments:
        ring.unlock(headers_in(target.get(name)), new.unwrapper)
    known = KeyRing()
    for name in segments:
        known.unlock(headers_in(before[name][0]), old.unwrapper)
    assert dict(ring) == dict(known) != {}


def test_old_certificates_may_stay(old, new):
    source, target = recorded(MP4, old), MemoryStore()
    outcomes(source, target, [new.certificate], unwrapper=old.unwrapper, keep=True)
    name = next(iter(target.keys()))
    (header,) = headers_in(target.get(name))
    assert [entry.thumbprint for entry in header.entries] == [thumbprint(old.certificate), thumbprint(new.certificate)]
    for reader in (old, new):
        assert list(validate_store(target, keys=KeyRing(), unwrapper=reader.unwrapper)) == []
    again = outcomes(source, target, [new.certificate], unwrapper=old.unwrapper, keep=True)
    assert {one for one, _ in again} == {Rewrapping.PRESENT}


def test_a_dry_run_writes_nothing_and_opens_all_keys(old, new, other):
    source = recorded(CMAF, old)
    found = outcomes(source, None, [new.certificate], unwrapper=old.unwrapper)
    assert {one for one, _ in found} == {Rewrapping.REWRAPPED, Rewrapping.COPIED}
    refused = outcomes(source, None, [new.certificate], unwrapper=other.unwrapper)
    assert {one for one, _ in refused} == {Rewrapping.FAILED}, "ends too: their segments are not there"


@FORMATS
def test_a_wrong_key_is_named_and_nothing_half_is_written(format_, old, new, other):
    source, target = recorded(format_, old), MemoryStore()
    found = list(rewrap_store(source, target, [new.certificate], at=NOW, unwrapper=other.unwrapper))
    failed = [one for one in found if one.outcome is Rewrapping.FAILED]
    segments = [name for name in list(source.keys()) if not name.endswith("_end")]
    ends = [name for name in list(source.keys()) if name.endswith("_end")]
    assert [one.key for one in failed] == segments + ends, "ends go last"
    assert len(ends) > 0
    assert all(thumbprint(old.certificate).hex() in one.error for one in failed[: len(segments)])
    assert all("end of a span" in one.error for one in failed[len(segments) :])
    assert list(target.keys()) == [], "no span is ended that is not there"
    nothing = outcomes(source, MemoryStore(), [new.certificate])
    assert any("no private key" in error for _, error in nothing)


class Broken(MemoryStore):
    """Fails after some objects."""

    left = 3

    def open_writer(self, key, **options):
        writer = super().open_writer(key, **options)
        if self.left <= 0:
            writer.append = self._fail
        self.left -= 1
        return writer

    def _fail(self, *buffers):
        raise KeyboardInterrupt


@pytest.mark.parametrize("count", range(1, 8, 2))
def test_an_interrupted_run_goes_on(count, old, new):
    source, target = recorded(CMAF, old), Broken()
    target.left = count
    with pytest.raises(KeyboardInterrupt):
        outcomes(source, target, [new.certificate], unwrapper=old.unwrapper)
    done = contents(target)
    assert 0 < len(done) < len(contents(source))
    target.left = 1 << 30
    found = outcomes(source, target, [new.certificate], unwrapper=old.unwrapper)
    assert [one for one, _ in found].count(Rewrapping.PRESENT) == len(done)
    assert {name: one for name, one in contents(target).items() if name in done} == done
    assert list(target.keys()) == list(source.keys())
    assert list(validate_store(target, keys=KeyRing(), unwrapper=new.unwrapper)) == []


@FORMATS
@pytest.mark.parametrize("keep", [False, True], ids=["replaced", "kept"])
def test_a_present_object_with_other_bytes_is_a_failure_and_stays(format_, keep, old, new):
    source, target = recorded(format_, old), MemoryStore()
    writer = source.open_writer("site-2/notes.txt", content_type="text/plain")
    writer.append(b"notes")
    writer.seal({})
    outcomes(source, target, [new.certificate], unwrapper=old.unwrapper, keep=keep)
    names = list(target.keys())
    segment = [name for name in names if not name.endswith(("_end", ".txt"))][1]
    for name in (segment, "site-2/notes.txt"):
        info, data = target.head(name), bytearray(target.get(name))
        data[-2] ^= 1
        writer = target.open_writer(name, content_type=info.content_type, overwrite=True)
        writer.append(data)
        writer.seal(info.attributes)
    before = contents(target)
    found = list(rewrap_store(source, target, [new.certificate], at=NOW, unwrapper=old.unwrapper, keep=keep))
    failed = {one.key: one.error for one in found if one.outcome is Rewrapping.FAILED}
    assert set(failed) == {segment, "site-2/notes.txt"}
    assert all("other bytes" in error for error in failed.values())
    assert {one.outcome for one in found if one.key not in failed} == {Rewrapping.PRESENT}
    assert contents(target) == before


def test_a_target_for_others_is_not_taken_for_done(old, new, other):
    source, target = recorded(MP4, old), MemoryStore()
    outcomes(source, target, [other.certificate], unwrapper=old.unwrapper)
    before = contents(target)
    found = outcomes(source, target, [new.certificate], unwrapper=old.unwrapper)
    assert {one for one, _ in found} == {Rewrapping.FAILED, Rewrapping.PRESENT}
    assert any("for other certificates" in error for _, error in found)
    assert contents(target) == before


def test_what_has_no_wrapped_keys_is_copied_as_it_is(old, new):
    source, target = MemoryStore(), MemoryStore()
    with StoreSink(source) as sink:
        sink.add_all(recorded_events(segments=2, seconds=2, recording_format=CMAF))
    writer = source.open_writer("site-2/notes.txt", content_type="text/plain")
    writer.append(b"notes")
    writer.seal({})
    found = outcomes(source, target, [new.certificate], unwrapper=old.unwrapper)
    assert {one for one, _ in found} == {Rewrapping.COPIED}
    assert contents(target) == contents(source)


def test_certificates_have_to_be_valid_and_stores_to_differ(tmp_path, old):
    expired = Reader(ec.generate_private_key(ec.SECP256R1()), days=-1)
    with pytest.raises(CertificateError):
        rewrap_store(MemoryStore(), None, [expired.certificate], at=NOW)
    with pytest.raises(CertificateError):
        rewrap_store(MemoryStore(), None, [], at=NOW)
    store = DirectoryStore(tmp_path)
    with pytest.raises(StoreError, match="store of their own"):
        rewrap_store(store, DirectoryStore(tmp_path), [old.certificate], at=NOW)
    with pytest.raises(StoreError, match="store of their own"):
        rewrap_store(store, DirectoryStore(tmp_path / "in"), [old.certificate], at=NOW)
    with pytest.raises(StoreError, match="store of their own"):
        rewrap_store(DirectoryStore(tmp_path / "in"), store, [old.certificate], at=NOW)


def test_a_damaged_object_is_named_and_the_others_go_on(old, new):
    source, target = recorded(MP4, old), MemoryStore()
    name = next(iter(source.keys()))
    info = source.head(name)
    writer = source.open_writer(name, content_type=info.content_type, overwrite=True)
    writer.append(source.get(name)[:700])
    writer.seal(info.attributes)
    found = {one.key: one for one in rewrap_store(source, target, [new.certificate], at=NOW, unwrapper=old.unwrapper)}
    assert found[name].outcome is Rewrapping.FAILED
    failed = {key for key, one in found.items() if one.outcome is Rewrapping.FAILED}
    assert {key for key in failed if not key.endswith("_end")} == {name}
    assert {key for key in failed if key.endswith("_end")} == {key for key in found if key.endswith("mp4_end")}
    assert set(target.keys()) == set(found) - failed


def test_ends_of_other_types_are_copied(old, new):
    source, target = recorded(CMAF, old), MemoryStore()
    name = next(name for name in list(source.keys()) if name.endswith(".m4v"))
    info = source.head(name)
    writer = source.open_writer(name, content_type=info.content_type, overwrite=True)
    writer.append(source.get(name)[:700])
    writer.seal(info.attributes)
    found = list(rewrap_store(source, target, [new.certificate], at=NOW, unwrapper=old.unwrapper))
    failed = {one.key for one in found if one.outcome is Rewrapping.FAILED}
    assert failed == {name, *(key for key in list(source.keys()) if key.endswith(".m4v_end"))}
    assert any(key.endswith(".m4a_end") for key in list(target.keys()))
    ordered = [one.key.endswith("_end") for one in found]
    assert ordered == sorted(ordered)


class TestCommand:
    @pytest.fixture
    def case(self, tmp_path, old, new, other):
        recorded(MP4, old, DirectoryStore(tmp_path / "store"))
        files = {name: one.files(tmp_path, name) for name, one in (("old", old), ("new", new), ("other", other))}
        return tmp_path, files

    def test_it_copies(self, case, capsys, new):
        folder, files = case
        line = ["rewrap", str(folder / "store"), "-o", str(folder / "copies"), "--to-certificate", str(files["new"][0])]
        line += ["--private-key", str(files["old"][1]), "--certificate", str(files["old"][0])]
        assert main([*line[:2], *line[4:], "--dry-run"]) == 0
        assert "6 would be rewrapped" in capsys.readouterr().out
        assert not (folder / "copies").exists()
        assert main(line) == 0
        assert "6 rewrapped" in capsys.readouterr().out
        assert list(validate_store(DirectoryStore(folder / "copies"), keys=KeyRing(), unwrapper=new.unwrapper)) == []
        assert main(line) == 0
        assert "0 rewrapped, 0 copied, 9 present" in capsys.readouterr().out

    def test_a_wrong_key_is_exit_status_1(self, case, capsys, old):
        folder, files = case
        line = ["rewrap", str(folder / "store"), "-o", str(folder / "copies"), "--to-certificate", str(files["new"][0])]
        assert main([*line, "--private-key", str(files["other"][1]), "--certificate", str(files["other"][0])]) == 1
        shown = capsys.readouterr()
        assert "0 rewrapped, 0 copied, 0 present\n9 failed" in shown.out
        assert thumbprint(old.certificate).hex() in shown.err

    def test_a_target_within_the_store_is_refused(self, case, capsys):
        folder, files = case
        (folder / "link").symlink_to("store")
        for target in (
            folder / "store",
            folder / "store" / "in",
            folder / "link" / "in",
            f"file:{folder}/store",
            folder,
        ):
            line = ["rewrap", str(folder / "store"), "-o", str(target), "--to-certificate", str(files["new"][0])]
            assert main(line) == 2
            assert "store of their own" in capsys.readouterr().err
        assert not (folder / "store" / "in").exists()

    def test_nothing_to_copy_is_exit_status_2(self, case, capsys):
        folder, files = case
        (folder / "empty").mkdir()
        options = ["-o", str(folder / "copies"), "--to-certificate", str(files["new"][0])]
        options += ["--private-key", str(files["old"][1])]
        for line, text in [
            ([str(folder / "empty")], "there are no objects"),
            ([str(folder / "store"), "--prefix", "nowhere"], "there are no objects whose names begin with 'nowhere'"),
        ]:
            for more in ([], ["--dry-run"]):
                capsys.readouterr()
                assert main(["rewrap", *line, *options, *more]) == 2
                shown = capsys.readouterr()
                assert shown.out == ""
                assert text in shown.err
                assert not (folder / "copies").exists()
            assert main(["rewrap", *line, *options, "--allow-empty", "--dry-run"]) == 0

    def test_a_target_is_needed(self, case):
        folder, files = case
        assert main(["rewrap", str(folder / "store"), "--to-certificate", str(files["new"][0])]) == 2
        assert (
            main(["rewrap", str(folder / "store"), "-o", str(folder / "x"), "--to-certificate", str(files["new"][1])])
            == 2
        )
        assert Path(folder / "store").exists()


def test_positions_that_other_recorders_write_move_too(old, new):
    """Base data offsets, and an index in front of the movie box."""
    source, target = recorded(MP4, old), MemoryStore()
    name = next(iter(source.keys()))
    info, boxes = source.head(name), list(parse_boxes(source.get(name)))
    index = SegmentIndexBox(
        reference_id=1, timescale=1000, references=Columns(reference=[100], duration=[100], sap=[0]), first_offset=0
    )
    movie = next(number for number, box in enumerate(boxes) if isinstance(box, MovieBox))
    index.first_offset = boxes[movie].size
    boxes.insert(movie, index)
    for box in boxes:
        for _, inner in box.walk():
            if isinstance(inner, TrackFragmentHeaderBox):
                inner.flags, inner.base_data_offset = inner.flags & ~0x20000 | 1, 0
    position = 0
    for box in boxes:
        for _, inner in box.walk():
            if isinstance(inner, TrackFragmentHeaderBox):
                inner.base_data_offset = position
        position += box.size
    writer = source.open_writer(name, content_type=info.content_type, overwrite=True)
    writer.append(build_boxes(boxes))
    writer.seal({})
    found = list(rewrap_store(source, target, [new.certificate], at=NOW, unwrapper=old.unwrapper))
    assert found[0].outcome is Rewrapping.REWRAPPED
    assert target.head(name).size != source.head(name).size
    made = parse_boxes(target.get(name))
    (index,) = [box for box in made if isinstance(box, SegmentIndexBox)]
    assert index.first_offset == next(box.size for box in made if isinstance(box, MovieBox))
    moofs = [box for box in made if isinstance(box, MovieFragmentBox)]
    bases = [
        (moof.offset, inner.base_data_offset)
        for moof in moofs
        for _, inner in moof.walk()
        if isinstance(inner, TrackFragmentHeaderBox)
    ]
    assert bases
    assert all(offset == base for offset, base in bases)
    assert media_in(target.get(name)) == media_in(source.get(name))
