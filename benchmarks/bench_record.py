"""Recording clear samples to objects in memory, beside ``ffmpeg -c copy`` to fragmented MP4, PyAV, Bento4."""

import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.measure import Spread, camera_clip, cpu_seconds, process_seconds
from benchmarks.peers import ABSENT, Result, beside, process, tool
from onvif_bmff.ingest import open_mp4
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")


def record(clip: Path, kind: RecordingFormat, seconds: int = 10) -> MemoryStore:
    """Read the clip and record it, as an embedder would."""
    store = MemoryStore()
    target = RecordingTarget(format=kind, prefix="site", segment_duration=timedelta(seconds=seconds))
    with open_mp4(clip) as source, StoreSink(store) as sink:
        recorder = Recorder(source.tracks, target)
        recorder.activate(START)
        for sample in source.samples():
            events = recorder.push(sample)
            if events:
                sink.add_all(events)
        sink.add_all(recorder.deactivate())
    return store


def pyav_remux(clip: Path, out: str) -> None:
    """The same with PyAV."""
    import av

    with (
        av.open(str(clip)) as source,
        av.open(out, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as target,
    ):
        streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    runs = 2 if quick else 7
    clip = camera_clip(10 if quick else 60, quick=quick)
    rows = []
    peers: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.mp4")
        ffmpeg = tool("ffmpeg")
        if ffmpeg:
            copy = [ffmpeg, "-v", "error", "-y", "-i", str(clip), "-c", "copy"]
            whole = process_seconds([*copy, "-movflags", "frag_keyframe+empty_moov+default_base_moof", out], runs)
            start = process_seconds([ffmpeg, "-version"], runs)
            if whole and start:
                without: Spread = (whole[0] - start[0], whole[1] - start[2], whole[2] - start[1])
                peers["ffmpeg -c copy, start excluded"] = without
        try:
            peers["PyAV remux"] = cpu_seconds(lambda: pyav_remux(clip, out), runs)
        except ImportError:
            peers["PyAV remux"] = ABSENT
        peers["mp4fragment (Bento4)"] = process(tool("mp4fragment (Bento4)"), [str(clip), out], runs)
    for kind in (CMAF, MP4):
        ours = cpu_seconds(lambda kind=kind: record(clip, kind), runs)
        label = f"record {kind.name} clear, {60 if not quick else 10} s of 1080p25 4 Mbit/s + AAC, in memory"
        rows += beside(peers, label, ours, "CPU s", reach="ratio ≤ 1" if kind is CMAF else "")
    return rows
