"""Cameras that behave in all ways, recorded from a server of the tests: what is stored is what they sent."""

import base64
import datetime as dt
import ipaddress
import itertools
import logging
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rtsp_camera import Camera, Line, Payload, avc_packets
from support_tools import need_module

from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration
from onvif_bmff.demux import CodecChange
from onvif_bmff.errors import SourceError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.nal import iter_nal_units
from onvif_bmff.media.track import Sample
from onvif_bmff.rtsp import AddressPolicy, StreamOptions, StreamSources, open_live

BEGINS = Fraction(1_790_000_000)
PATIENT = StreamOptions(
    open_timeout=dt.timedelta(seconds=60),
    read_timeout=dt.timedelta(seconds=60),
    report_wait=dt.timedelta(seconds=30),
    codec_wait=dt.timedelta(seconds=30),
)
"""For cameras that send and end: nothing is waited for in vain, however busy the machine is."""


Pictures = tuple[list[bytes], list[tuple[list[bytes], bool, int]]]


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """See ``read_pictures``."""
    return read_pictures()


def read_pictures() -> Pictures:
    """Parameter sets, and pictures as NAL units in the order of decoding.

    Each has whether it is a sync sample, and how many pictures are shown before it, for they are reordered.
    """
    with open_mp4("tests/data/camera.mp4") as camera:
        codec = camera.tracks[0].codec
        found = [item for item in camera.samples() if isinstance(item, Sample) and item.track_id == 1]
        made = [
            (
                [bytes(unit) for unit in iter_nal_units(item.data)],
                item.sync,
                (item.decode_time + item.composition_offset) // 512,
            )
            for item in found
        ]
        return [*codec.sps, *codec.pps], made  # type: ignore[attr-defined]


def video(pictures: Pictures, *, in_band: bool = False, **more: object) -> Line:
    """A line of H.264 at 25 pictures a second."""
    sets, units = pictures
    line = Line("video", ("rtpmap:96 H264/90000",), 90_000, 96, **more)  # type: ignore[arg-type]
    if not in_band:
        encoded = ",".join(base64.b64encode(one).decode() for one in sets)
        line.attributes += (f"fmtp:96 packetization-mode=1;sprop-parameter-sets={encoded}",)
    for number, (picture, sync, place) in enumerate(units):
        line.packets += avc_packets([*sets, *picture] if in_band and sync else picture, place * 3600, number * 3600)
    return line


def sound(seconds: int, **more: object) -> Line:
    """A line of G.711 whose packets are all different."""
    line = Line("audio", ("rtpmap:0 PCMU/8000",), 8000, 0, **more)  # type: ignore[arg-type]
    line.packets = [Payload(at * 320, at.to_bytes(4, "big") * 80) for at in range(seconds * 25)]
    return line


def document(number: int) -> bytes:
    text = f"<tt:Frame UtcTime='{number}'>{'x' * 2500}</tt:Frame>"
    return f'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">{text}</tt:MetadataStream>'.encode()


def metadata(count: int, **more: object) -> Line:
    """A line of documents, each in three packets."""
    line = Line("application", ("rtpmap:107 vnd.onvif.metadata/90000",), 90_000, 107, **more)  # type: ignore[arg-type]
    for number in range(count):
        data = document(number)
        cuts = [0, 1000, 2000, len(data)]
        line.packets += [
            Payload(number * 45_000, data[begin:end], marker=end == len(data))
            for begin, end in itertools.pairwise(cuts)
        ]
    return line


def drained(camera: Camera, options: StreamOptions = PATIENT) -> tuple[dict[int, list[Sample]], list[object]]:
    """All samples of a camera by track, and everything else, until it breaks off or ends."""
    found: dict[int, list[Sample]] = defaultdict(list)
    others: list[object] = []
    source = open_live(camera.url, options)
    try:
        for item in source.samples():
            if isinstance(item, Sample):
                found[item.track_id].append(item)
            else:
                others.append(item)
    except SourceError as error:
        others.append(error)
    finally:
        source.close()
    return found, others


def payload(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def steps(samples: list[Sample]) -> set[int]:
    return {after.decode_time - one.decode_time for one, after in itertools.pairwise(samples)}


# ---- media ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_band", [False, True])
@pytest.mark.parametrize("announced", [False, True])
def test_all_that_is_sent_comes_once_in_step_and_at_its_time(
    pictures: Pictures, *, in_band: bool, announced: bool
) -> None:
    """Stamps begin anywhere, and wrap; reports of the two streams come at different times."""
    seconds = len(pictures[1]) // 25
    lines = [
        video(pictures, in_band=in_band, first_rtp=(1 << 32) - 90_000, is_announced=announced),
        sound(seconds, first_rtp=77_777, is_announced=announced),
        metadata(seconds * 2, first_rtp=5, is_announced=announced),
    ]
    for line, first in zip(lines, (Fraction(3, 10), Fraction(8, 10), Fraction(1)), strict=True):
        line.reports = tuple(first + 4 * number for number in range(3))
    with Camera(lines, BEGINS) as camera:
        found, others = drained(camera)
    assert [bytes(one.data) for one in found[1]] == [payload(units) for units, *_ in pictures[1]]
    assert [one.sync for one in found[1]] == [sync for _, sync, _ in pictures[1]]
    assert [bytes(one.data) for one in found[2]] == [one.data for one in lines[1].packets]
    assert [bytes(one.data) for one in found[3]] == [document(number) for number in range(seconds * 2)]
    assert (steps(found[1]), steps(found[2]), steps(found[3])) == ({3600}, {320}, {45_000})
    begin = found[1][0].decode_time
    shown = [one.decode_time + one.composition_offset - begin for one in found[1]]
    assert shown == [3600 * place for *_, place in pictures[1]], "pictures are shown when the camera says"
    first = Fraction(found[1][0].decode_time, 90_000)
    assert abs(Fraction(found[2][0].decode_time, 8000) - first) < Fraction(5, 1000)
    readings = [one for one in others if isinstance(one, ClockReading)]
    assert {one.track_id for one in readings} == {1, 2, 3}
    for one in readings:
        at = BEGINS + one.media_time - first
        assert abs(one.utc.microseconds - at * 1_000_000) <= 5000, "readings are at the camera's time"


@pytest.mark.parametrize("place", ["slices", "delimiter and picture", "parameter sets and picture", "fragments"])
def test_a_first_report_in_the_middle_of_a_picture_takes_it_not_apart(pictures: Pictures, place: str) -> None:
    """libavformat moves the times of what follows, in the same picture too: cameras send several slices for each."""
    sets, units = pictures
    lines = [Line("video", ("rtpmap:96 H264/90000",), 90_000, 96, off=Fraction(7, 1000)), sound(3)]
    lines[0].reports = (Fraction(25 * 3600 + 5, 90_000),)
    lines[1].reports = (Fraction(1, 10),)
    sent = []
    for number, (picture, sync, shown) in enumerate(units[:75]):
        whole = [b"\x09\xf0", *(sets if sync else ()), *[unit for unit in picture if unit[0] & 31 != 9]]
        if place == "slices":
            whole.append(bytes((picture[-1][0], 0x40)) + (number + 0x11111111).to_bytes(4, "big") * 9)
            cut = len(whole) - 1
        else:
            cut = {"delimiter and picture": 1, "parameter sets and picture": len(whole) - 1, "fragments": len(whole)}[
                place
            ]
        at, later = shown * 3600, number * 3600 + 10
        packets = avc_packets(whole[:cut], at, number * 3600, 300)
        if place == "fragments":
            for packet in packets[-1:]:
                packet.sent = later
        lines[0].packets += packets + (avc_packets(whole[cut:], at, later, 300) if whole[cut:] else [])
        sent.append(payload([unit for unit in whole if unit not in sets]))
    with Camera(lines, BEGINS) as camera:
        found, others = drained(camera)
    stored = [bytes(one.data) for one in found[1]]
    assert stored == sent
    assert steps(found[1][:-8]) == {3600}, "but for the last ones, which are shown after others that were not sent"
    assert any(isinstance(one, ClockReading) and one.track_id == 1 for one in others)


def test_another_codec_in_mid_stream_is_announced_before_its_picture(pictures: Pictures, tmp_path: Path) -> None:
    line = video(pictures, in_band=True)
    sets = pictures[0]
    sps = bytearray(sets[0])
    sps[3] += 1  # another level
    syncs = [at for at, (_, sync, _) in enumerate(pictures[1]) if sync]
    assert len(syncs) > 1
    changed = syncs[1] * 3600
    for packet in line.packets:
        if packet.time == changed and packet.data == sets[0]:
            packet.data = bytes(sps)
    with Camera([line], BEGINS) as camera:
        found, others = drained(camera)
    changes = [one for one in others if isinstance(one, CodecChange)]
    begin = found[1][0].decode_time
    assert len(found[1]) == len(pictures[1])
    assert changes[0].decode_time - begin == changed
    assert changes[0].codec.sps == (bytes(sps),)  # type: ignore[attr-defined]


def test_a_stream_without_parameter_sets_is_left_out_and_named(pictures: Pictures) -> None:
    lines = [video(([], pictures[1][:50]), in_band=True), sound(3)]
    with Camera(lines, BEGINS, end="wait") as camera:
        source = open_live(
            camera.url, replace(PATIENT, codec_wait=dt.timedelta(seconds=1), report_wait=dt.timedelta(0))
        )
        assert [track.token for track in source.tracks] == ["AUDIO001"]
        assert source.left_out == ["stream 0 (h264) came without its parameter sets"]
        source.close()


def test_without_reports_media_go_by_arrival(pictures: Pictures) -> None:
    with Camera([video(pictures), sound(3)], BEGINS) as camera:
        found, others = drained(camera)
    assert not any(isinstance(one, ClockReading) for one in others)
    assert len(found[1]) == len(pictures[1])
    assert steps(found[1]) == {3600}


@pytest.mark.parametrize("year", [1900, 1970, 2035, 2036, 2106])
def test_a_clock_that_is_far_off_is_told_as_it_is(pictures: Pictures, year: int) -> None:
    """Whether it is believed, the recorder decides. NTP begins again in 2036, which no report can tell from 1900."""
    begins = Fraction(int(dt.datetime(year, 3, 1, tzinfo=dt.UTC).timestamp()))
    with Camera([video(pictures, reports=(Fraction(1),))], begins) as camera:
        _, others = drained(camera)
    (reading,) = [one for one in others if isinstance(one, ClockReading)]
    assert reading.utc.year == (year if year < 2036 else year - 136)


# ---- servers that fail ---------------------------------------------------------------------------------------


def test_a_server_that_goes_away_loses_nothing_that_it_sent(pictures: Pictures) -> None:
    with Camera([video(pictures)], BEGINS, end="close") as camera:
        for _ in range(3):
            found, _ = drained(camera)
            assert [bytes(one.data) for one in found[1]] == [payload(units) for units, *_ in pictures[1]]
    assert camera.plays == 3


def test_a_server_that_stops_sending_has_failed(pictures: Pictures) -> None:
    with Camera([video(pictures)], BEGINS, end="hang") as camera:
        found, others = drained(camera, replace(PATIENT, read_timeout=dt.timedelta(seconds=3)))
    assert len(found[1]) == len(pictures[1]), "what it sent is all there"
    assert isinstance(others[-1], SourceError)
    assert "nothing came within 3 s" in str(others[-1])


_CALLED_OFF = 30.0
"""Seconds; it takes one, but on a busy machine more. The timeouts are twice as long."""


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "PLAY"])
def test_opening_a_silent_server_can_be_called_off(pictures: Pictures, method: str) -> None:
    stop = threading.Event()
    with Camera([video(pictures)], BEGINS, silent_from=method) as camera:
        threading.Timer(0.5, stop.set).start()
        begin = time.monotonic()
        with pytest.raises(SourceError):
            open_live(camera.url, PATIENT, stop=stop)
        assert time.monotonic() - begin < _CALLED_OFF
        camera.torn_down.set()


def test_reading_a_silent_server_can_be_called_off(pictures: Pictures) -> None:
    stop = threading.Event()
    with Camera([video(pictures)], BEGINS, end="hang") as camera:
        source = open_live(camera.url, replace(PATIENT, report_wait=dt.timedelta(0)), stop=stop)
        count = 0
        for item in source.samples():
            count += isinstance(item, Sample)
            if count == len(pictures[1]) - 8:  # the last ones wait for others to follow
                stop.set()
        assert count >= len(pictures[1]) - 8
        begin = time.monotonic()
        source.close()
        assert time.monotonic() - begin < _CALLED_OFF


@pytest.mark.parametrize("digest", [False, True])
@pytest.mark.parametrize("password", ["geheim", "p@ss:w/rd%41?#&", "mit Leerzeichen und +"])
def test_passwords_are_handed_over_as_they_are(pictures: Pictures, password: str, *, digest: bool) -> None:
    with Camera([video(pictures)], BEGINS, login=("user", password), digest=digest) as camera:
        found, _ = drained(camera, replace(PATIENT, user="user", password=password))
        assert len(found[1]) == len(pictures[1])


@pytest.mark.parametrize("digest", [False, True])
def test_a_wrong_password_is_said_to_be_and_never_said(
    pictures: Pictures, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], *, digest: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    with Camera([video(pictures)], BEGINS, login=("user", "richtig"), digest=digest) as camera:
        for uri, options in (
            (camera.url, StreamOptions(user="user", password="geheim")),
            (camera.url.replace("://", "://user:geheim@"), StreamOptions()),
        ):
            with pytest.raises(SourceError, match="401") as caught:
                open_live(uri, options)
            assert "geheim" not in f"{caught.value} {caught.value!r} {caught.value.__context__!r}"
            assert caught.value.__cause__ is None
    assert "geheim" not in caplog.text
    assert "geheim" not in "".join(capfd.readouterr())


# ---- certificates --------------------------------------------------------------------------------------------

Issuer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: Issuer | None, *names: x509.GeneralName
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ssl.SSLContext, Path]]:
    """``certified("good" | "wrong name" | "self-signed")``: a server's context, and the CA's certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = signed("CA", ca_key, None)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    ours = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))

    def make(which: str) -> tuple[ssl.SSLContext, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = (x509.DNSName("other.example"),) if which == "wrong name" else ours
        made = signed("camera", key, None if which == "self-signed" else (ca, ca_key), *names)
        file = folder / f"{which}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context, folder / "ca.pem"

    return make


@pytest.mark.parametrize("which", ["good", "wrong name", "self-signed", "unknown CA"])
def test_a_server_is_believed_by_its_certificate_alone(
    pictures: Pictures, certified: Callable[[str], tuple[ssl.SSLContext, Path]], which: str
) -> None:
    context, ca = certified("good" if which == "unknown CA" else which)
    options = replace(PATIENT, ca_file=None if which == "unknown CA" else ca)
    with Camera([video(pictures)], BEGINS, tls=context) as camera:
        if which == "good":
            found, _ = drained(camera, options)
            assert len(found[1]) == len(pictures[1])
            return
        with pytest.raises(SourceError, match="certificate"):
            open_live(camera.url, options)
        assert camera.requests == [], "nothing was asked of it, and no password shown to it"
        found, _ = drained(camera, replace(PATIENT, verify=False))
        assert len(found[1]) == len(pictures[1])


def test_the_certificate_is_that_of_the_name_though_the_address_was_resolved_before(
    pictures: Pictures, certified: Callable[[str], tuple[ssl.SSLContext, Path]]
) -> None:
    for which, host, is_good in (("wrong name", "other.example", True), ("good", "other.example", False)):
        context, ca = certified(which)
        with Camera([video(pictures)], BEGINS, tls=context) as camera:
            sources = StreamSources(
                options=StreamOptions(ca_file=ca),
                policy=AddressPolicy(loopback=True),
                resolve=lambda host, port: ["127.0.0.1"],
            )
            receiver = received(f"rtsps://{host}:{camera.port}/live")
            if is_good:
                source = sources.open(SourceReference("r"), receiver, threading.Event())
                assert source is not None
                source.close()
            else:
                with pytest.raises(SourceError, match="certificate"):
                    sources.open(SourceReference("r"), receiver, threading.Event())


# ---- sources of a device -------------------------------------------------------------------------------------


def received(uri: str, **more: str) -> Receiver:
    return Receiver("r", ReceiverConfiguration(mode="AutoConnect", media_uri=uri, **more), auto_created=False)


def test_receivers_are_opened_where_cameras_are_only(pictures: Pictures) -> None:
    stop = threading.Event()
    with Camera([video(pictures)], BEGINS, login=("user", "geheim")) as camera:
        strict = StreamSources()
        with pytest.raises(SourceError, match="this machine"):
            strict.open(SourceReference("r"), received(camera.url), stop)
        with pytest.raises(SourceError, match="only rtsp"):
            strict.open(SourceReference("r"), received("file:///etc/passwd"), stop)
        assert strict.open(SourceReference("r"), received(""), stop) is None
        assert camera.requests == []
        sources = StreamSources(
            {"profile": camera.url}, policy=AddressPolicy(loopback=True), credentials={"127.0.0.1": ("user", "geheim")}
        )
        for reference, receiver in (
            (SourceReference("r"), received(camera.url)),
            (SourceReference("r"), received(camera.url.replace("://", "://user:geheim@"))),
            (SourceReference("profile", PROFILE_TYPE), None),
        ):
            source = sources.open(reference, receiver, stop)
            assert source is not None
            assert sum(isinstance(item, Sample) for item in source.samples()) == len(pictures[1])
            source.close()
        with pytest.raises(SourceError, match="no source"):
            sources.open(SourceReference("other", PROFILE_TYPE), None, stop)


def test_libavformat_opens_no_other_protocol_when_a_server_sends_it_elsewhere(
    pictures: Pictures, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim")
    for place in (f"file://{secret}", str(secret), "http://127.0.0.1:1/x", "concat:/etc/passwd"):
        with (
            Camera([video(pictures)], BEGINS, redirect=place) as camera,
            pytest.raises(SourceError),
        ):
            open_live(camera.url, PATIENT)


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """No test leaves a reader behind for longer than its timeouts."""
    need_module("av")
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 60
    for one in threading.enumerate():
        if one.name.startswith("stream ") and one not in before:
            one.join(max(0.0, deadline - time.monotonic()))
            assert not one.is_alive(), one.name
