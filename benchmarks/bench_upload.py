"""What it costs to store: an upload beside bare obstore, cameras from sample to confirmed object, and a directory.

Only the processor time of this process counts; the service is another process, which keeps no bytes.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

from benchmarks import made_camera
from benchmarks.measure import row
from onvif_bmff.cenc.keys.content import FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.media import Sample
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import DirectoryStore, SpooledStore, StoreSink, open_store

_KEYS = {"access_key_id": "benchmark", "secret_access_key": "benchmark", "region": "us-east-1"}
REACH_UPLOAD = 1.15
REACH_CAMERAS = {"memory": 800, "spool": 500}
REACH_DIRECTORY = {"attributes": 2.0, "files": 3.0}


@contextmanager
def service() -> Iterator[str]:
    """Run a service; its endpoint."""
    command = [sys.executable, "-m", "benchmarks.sink_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.communicate("")


def cloud(endpoint: str, *, unsigned: bool) -> ObjectStore:
    """Our store of the service."""
    options = {**_KEYS, "endpoint": endpoint, "unsigned_payload": unsigned, "virtual_hosted_style": False}
    return open_store("s3://bucket", options=options)


def best(work: Callable[[int], object], runs: int) -> float:
    """The least CPU seconds of several calls, after one that does not count; the calls are numbered."""
    found = []
    for number in range(runs + 1):
        start = time.process_time()
        work(number)
        if number:
            found.append(time.process_time() - start)
    return min(found)


def in_turn(works: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each work in each round, after two rounds that do not count; the calls are numbered.

    In each round each is called once, another one first each time, so that what else the machine does, and what one
    leaves for the next to do, meets all of them alike.
    """
    names = list(works)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 2):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            start = time.process_time()
            works[name](number)
            if number > 1:
                found[name].append(time.process_time() - start)
    return found


def compared(name: str, spent: Mapping[str, list[float]], peer: str, size: float, reach: str) -> dict[str, object]:
    """A row of what is spent for a gigabyte, beside a peer; its ratio is the median of those of the rounds."""
    ratios = [mine / theirs for mine, theirs in zip(spent["ours"], spent[peer], strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    mine, theirs = (median(spent[one]) / size for one in ("ours", peer))
    found = row(name, mine, "CPU s/GB", peer=peer, theirs=theirs, reach=reach)
    return {**found, "ratio": middle, "note": f"{len(ratios)} rounds, half of the ratios in {low:.2f}…{high:.2f}"}


def uploads(endpoint: str, rounds: int) -> Iterator[dict[str, object]]:
    """Whole objects of 30 MB, beside obstore in the same mode of signing: its PUT, and its HEAD and PUT."""
    import obstore
    from obstore.store import S3Store

    body = os.urandom(30_000_000)
    metadata = {"Version": "1.0", "Duration": "PT60S"}
    attributes = {"Content-Type": "video/mp4", **metadata}
    for unsigned in (True, False):
        ours = cloud(endpoint, unsigned=unsigned)
        bare = S3Store(
            "bucket",
            endpoint=endpoint,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
            config={"unsigned_payload": unsigned},
            **_KEYS,
        )

        def put_ours(number: int, store: ObjectStore = ours, mode: bool = unsigned) -> None:
            writer = store.open_writer(f"ours-{mode}-{number}", content_type="video/mp4")
            writer.append(body)
            writer.seal(metadata)

        def put_bare(number: int, store: S3Store = bare, name: str = f"bare-{unsigned}") -> None:
            obstore.put(store, f"{name}-{number}", body, attributes=attributes, mode="create")

        def look_and_put(number: int, store: S3Store = bare, name: str = f"looked-{unsigned}") -> None:
            with suppress(FileNotFoundError):
                obstore.head(store, f"{name}-{number}")
            put_bare(number, store, name)

        works = {"ours": put_ours, "obstore": put_bare, "obstore, HEAD and PUT": look_and_put}
        boto3 = None if unsigned else boto3_put(endpoint, body, metadata)  # it always signs over plain HTTP
        if boto3 is not None:
            works["boto3"] = boto3
        spent = in_turn(works, rounds)
        name = f"upload, payload {'unsigned' if unsigned else 'signed'}"
        for peer in list(works)[1:]:
            yield compared(name, spent, peer, len(body) / 1e9, f"≤ {REACH_UPLOAD}" if peer == "obstore" else "")


def boto3_put(endpoint: str, body: bytes, metadata: dict[str, str]) -> Callable[[int], object] | None:
    """The same upload by boto3; None without it."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        return None
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
    )

    def put(number: int) -> None:
        key = f"boto3-{number}"
        client.put_object(
            Bucket="bucket", Key=key, Body=body, ContentType="video/mp4", Metadata=metadata, IfNoneMatch="*"
        )

    return put


def camera(seconds: int) -> list[Sample]:
    """The samples of a camera, each in memory of its own."""
    return [
        Sample(
            one.track_id, one.decode_time, one.duration, bytes(bytearray(one.data)), one.sync, one.composition_offset
        )
        for one in made_camera.samples(seconds)
        if one.track_id != made_camera.METADATA
    ]


def record(store: ObjectStore, samples: list[Sample], name: str, confirm: bool) -> None:
    """Record a camera, cenc, 60 s a segment; with ``confirm`` each object is asked for when it is stored."""
    encryption = (EncryptionEntry(ProtectionScheme.CENC, FixedKey(made_camera.KEY)),)
    target = RecordingTarget(
        format=CMAF, prefix=name, postfix="", segment_duration=timedelta(seconds=60), encryption=encryption
    )
    recorder = Recorder(made_camera.tracks((made_camera.VIDEO, made_camera.AUDIO)), target)
    stored = (lambda key, size: store.head(str(key))) if confirm else None
    with StoreSink(store, on_stored=stored) as sink:
        recorder.activate(made_camera.START)
        for sample in samples:
            events = recorder.push(sample)
            if events:
                sink.add_all(events)
        sink.add_all(recorder.deactivate())


def cameras(endpoint: str, runs: int, count: int, seconds: int) -> Iterator[dict[str, object]]:
    """Cameras a core, from samples to objects that the service has confirmed, payload unsigned."""
    feeds = [camera(seconds) for _ in range(count)]

    def from_memory(run: int) -> None:
        store = cloud(endpoint, unsigned=True)
        for number, samples in enumerate(feeds):
            record(store, samples, f"memory-{run}-{number}", confirm=True)

    def through_spool(run: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = SpooledStore(cloud(endpoint, unsigned=True), Path(folder) / "spool")
            for number, samples in enumerate(feeds):
                record(store, samples, f"spool-{run}-{number}", confirm=False)
            assert store.close(wait=60), "not all was uploaded"

    for name, work in (("memory", from_memory), ("spool", through_spool)):
        spent = best(work, runs)
        reach = f"≥ {REACH_CAMERAS[name]}"
        note = f"{count} times {seconds} s, cenc"
        yield row(
            f"cameras a core, from {name} to confirmed",
            count * seconds / spent,
            "camera-s / CPU s",
            reach=reach,
            note=note,
        )


def directory(runs: int, count: int) -> Iterator[dict[str, object]]:
    """An object of 4 kB in a directory, durable, beside writing a file and renaming it."""
    body = bytes(4096)
    attributes = {"Version": "1.0", "Duration": "PT2S", "Timescale": "90000"}
    with tempfile.TemporaryDirectory(dir=os.environ.get("ONVIF_BMFF_DISK")) as name:
        folder = Path(name)

        def plain(run: int) -> None:
            place = folder / f"plain-{run}"
            place.mkdir()
            for number in range(count):
                part = place / f"{number}.part"
                with part.open("wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(place / f"{number}")
                handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
                os.fsync(handle)
                os.close(handle)

        theirs = best(plain, runs) / count * 1e6
        for labels in ("attributes", "files"):

            def ours(run: int, labels: str = labels) -> None:
                store = DirectoryStore(folder / f"{labels}-{run}", labels=labels)  # type: ignore[arg-type]
                for number in range(count):
                    writer = store.open_writer(f"s/2024-05-01/c/12/00-{number}.m4v", content_type="video/mp4")
                    writer.append(body)
                    writer.seal(attributes)

            mine = best(ours, runs) / count * 1e6
            reach = f"≤ {REACH_DIRECTORY[labels]:g}"
            yield row(
                f"an object in a directory, labels in {labels}",
                mine,
                "CPU µs",
                peer="plain",
                theirs=theirs,
                reach=reach,
            )


def run(quick: bool) -> list[dict[str, object]]:
    """Measure all three."""
    runs = 1 if quick else 3
    rows = list(directory(runs, 50 if quick else 300))
    with service() as endpoint:
        rows += uploads(endpoint, 4 if quick else 100)
        rows += cameras(endpoint, runs, 1 if quick else 4, 4 if quick else 120)
    return rows
