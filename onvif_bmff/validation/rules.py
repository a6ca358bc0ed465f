"""The rules that can be checked in a store, as one table, and the findings that report violations.

Ids that begin with ``ANX-`` are requirements of annex B of ONVIF Recording Control 25.12, by section; those that begin
with ``C-`` are rules of CMAF (ISO/IEC 23000-19) and Common Encryption (ISO/IEC 23001-7), for CMAF objects;
with ``P-``, what players want.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from onvif_bmff.errors import escaped

__all__ = ["RULES", "Finding", "Findings", "Level", "Recurring", "RecurringLog", "Rule"]

_MAX_PER_RULE = 5
"""Findings of one rule in one object that are listed; the others are only counted."""
_MAX_RECURRING = 100


class Level(Enum):
    """How binding a rule is: a broken "shall" is an error, a broken "should" a warning.

    A note is no fault: the rule does not hold because of later changes of the bucket, such as retention.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its id, level and requirement."""

    id: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a rule is broken.

    Attributes:
        rule: id of the rule.
        level: that of the rule, or ``Level.NOTE`` if it is no fault.
        key: name of the object, as it is; empty if the finding is about the store.
        offset: byte position in the object; None if the finding is not about bytes.
        message: what is wrong; escaped, see ``onvif_bmff.errors.escaped``.
        path: the box ("/moov/trak/tkhd"), or ``@`` and the name of an attribute; escaped.
        count: number of cases that it stands for; above 1 it sums up cases that are not listed one by one.
    """

    rule: str
    level: Level
    key: str
    offset: int | None
    message: str
    path: str = ""
    count: int = 1


_SHALL: Mapping[str, str] = {
    "ANX-B.1-02": "a segment begins with ftyp and one moov",
    "ANX-B.1-03": "a segment has fragments, each a moof with its mdat",
    "ANX-B.1-04": "the fragments of a segment cover a continuous time",
    "ANX-B.1-06": "no two segments of a span cover the same moment",
    "ANX-B.2-05": "the moov of any segment serves all fragments of its span",
    "ANX-B.3-04": "a segment begins where the one before it in its span ended",
    "ANX-B.3-06": "a segment begins with a sync sample, an I-frame in video",
    "ANX-B.3-08": "a segment is a valid fragmented MP4 file",
    "ANX-B.4-01": "a segment is one object",
    "ANX-B.4-02": "keys follow the grammar of B.4",
    "ANX-B.4-05": "the time in a key is that of the segment's first sample",
    "ANX-B.4-06": "the date in a key is YYYY-MM-DD",
    "ANX-B.4-07": "the hour in a key is a level of its own, before minute and second",
    "ANX-B.4-08": "hour, minute and second in a key have two digits and lie in their ranges",
    "ANX-B.4-10": "the time in a key ends with Z",
    "ANX-B.4-11": "counters of a span count from 0 without gaps",
    "ANX-B.4-12": "the extension of a key is that of its span's media",
    "ANX-B.5-02": "the key of a span end object follows the grammar of B.4",
    "ANX-B.5-03": "the time of a span end object is the end of the span's last sample",
    "ANX-B.5-04": "the counter of a span end object is the last segment's plus one",
    "ANX-B.5-05": "the extension of a span end object is its span's, with _end",
    "ANX-B.6-01": "a recording in MP4 has one span at a time",
    "ANX-B.6-03": "the content type of MP4 segments is video/mp4",
    "ANX-B.6-05": "the moov of an MP4 segment describes no samples",
    "ANX-B.6-06": "the last box of an MP4 segment is an mfra",
    "ANX-B.6-07": "the mfra refers to all tracks and fragments, correctly",
    "ANX-B.7-01": "a CMAF span has one track, and a recording one span of a kind at a time",
    "ANX-B.7-03": "the content type of video segments in CMAF is video/mp4",
    "ANX-B.7-05": "the content type of audio segments in CMAF is audio/mp4",
    "ANX-B.7-07": "the content type of metadata segments in CMAF is application/mp4",
    "ANX-B.7-11": "the mfra of a CMAF segment, if any, refers to every fragment, correctly",
    "ANX-B.8-01": "encrypted samples are described as ISO/IEC 23001-7 requires",
    "ANX-B.8-05": "the scheme is one of the two modes, cenc or cbcs",
    "ANX-B.8-06": "cenc leaves NAL headers of video clear and protects whole blocks",
    "ANX-B.8-07": "cbcs protects slice data of video by a pattern, with a constant vector",
    "ANX-B.8-08": "no two fragments are encrypted with the same key and initialisation vector",
    "ANX-B.8-09": "pssh boxes lie in the moov",
    "ANX-B.8.1-01": "an encrypted segment has exactly one pssh of the common system",
    "ANX-B.8.1-03": "the common pssh has version 1 and flags 0",
    "ANX-B.8.1-04": "the common pssh has the SystemID of the common system",
    "ANX-B.8.1-05": "the common pssh has as many KIDs as the segment has keys",
    "ANX-B.8.1-06": "the KIDs of the common pssh are those of the segment's tracks",
    "ANX-B.8.1-07": "the common pssh has no data",
    "ANX-B.8.2-09": "there is one asymmetric pssh for each KID",
    "ANX-B.8.2-11": "an asymmetric pssh has version 1 and flags 0",
    "ANX-B.8.2-12": "an asymmetric pssh has the SystemID of the asymmetric key system",
    "ANX-B.8.2-13": "an asymmetric pssh has one KID",
    "ANX-B.8.2-16": "DataSize of an asymmetric pssh counts exactly the bytes of its entries",
    "ANX-B.8.2-17": "an asymmetric pssh has at least one entry",
    "ANX-B.8.2-18": "a thumbprint is one by SHA-1 (1) or SHA-256 (2)",
    "ANX-B.8.2-19": "the size of a thumbprint is that of its algorithm",
    "ANX-B.8.2-21": "the version of a wrapped key is 1 (RSA) or 2 (HPKE)",
    "ANX-B.8.2-22": "KEM, KDF and AEAD are registered for HPKE",
    "ANX-B.8.2-23": "the encapsulated secret is one of its KEM",
    "ANX-B.8.2-24": "the size of a wrapped key fits its algorithm",
    "ANX-B.9-05": "attribute Version is 1.0",
    "ANX-B.9-07": "attribute Duration is the sum of the samples' durations",
    "ANX-B.9-08": "attribute FullContentType is video/mp4 with the codecs of all media",
    "ANX-B.9-09": "bit rate attributes are integers in kilobits per second",
    "ANX-B.9-10": "attributes VideoWidth and VideoHeight are those of the sample entry",
    "ANX-B.9-11": "attribute VideoFramerate is the average frame rate",
    "ANX-B.9-12": "attribute AudioSampleRate is an integer in kilohertz",
    "ANX-B.9.1-01": "attribute Timescale is that of the media header",
    "ANX-B.9.1-02": "all media headers have the timescale that is an attribute",
    "ANX-B.9.1-03": "the movie header has the timescale that is an attribute",
    "ANX-B.9.2-01": "attribute SeekTable is a correct mfra box in base64",
    "ANX-B.9.2-05": "attribute SeekTable has the first sample of each track",
    "ANX-B.9.2-07": "an mfra without mfro is shorter by that box",
    "ANX-B.9.2-08": "attribute SeekTable comes with Timescale",
    "C-01": "ftyp comes first, and there is one moov; no meta or udta at file level",
    "C-02": "the brands have cmfc or cmf2; as major brand it has minor version 0",
    "C-10": "the moov describes no samples, and its duration is 0",
    "C-11": "mvhd is the first box in moov and has default rate, volume and matrix",
    "C-12": "tkhd is enabled, in movie and in preview, without duration, layer, group or transformation",
    "C-13": "tkhd of video has a picture size",
    "C-14": "the duration in mdhd is 0",
    "C-15": "the handler is that of a CMAF track",
    "C-16": "the media header box is that of the handler, with default fields",
    "C-17": "dref has one entry, for data in the same file",
    "C-18": "stsd has version 0, and the sample tables are present and empty",
    "C-20": "mvex has one trex for the track",
    "C-21": "mehd, if there is one, has a duration",
    "C-25": "video with parameter sets in band has pasp and colr in its entry",
    "C-26": "a video entry has exactly one box with its codec's configuration",
    "C-30": "an edit list is one entry that moves the start",
    "C-32": "video with brand cmf2 has no edit list, and trun boxes of version 1",
    "C-33": "with trun version 1, the first sample presented in a fragment is presented at its tfdt",
    "C-40": "a chunk is moof, then mdat; one traf, one trun",
    "C-42": "tfhd has the header's track_ID and default-base-is-moof, no base-data-offset",
    "C-43": "tfdt is present, and is the sum of all durations before",
    "C-45": "trun has a data offset and all its samples lie in the mdat behind it",
    "C-46": "with brand cmf2, fragments use no defaults of trex",
    "C-47": "sync samples depend on no others",
    "C-48": "sidx refers to fragments only",
    "C-49": "emsg stands before a moof and counts in the track's timescale",
    "C-50": "prft stands before the moof of its track",
    "C-53": "sequence numbers grow",
    "C-60": "protected sample entries have frma, schm version 1.0 with a known scheme, and schi",
    "C-61": "the header of an encrypted track has a tenc",
    "C-62": "a track is encrypted by one scheme",
    "C-63": "saiz and saio describe the auxiliary information of every sample, and saio locates it",
    "C-64": "senc is present, and its subsamples cover the samples",
    "C-66": "cenc has vectors of 8 bytes, and protects whole blocks of video",
    "C-67": "cbcs has a constant 16-byte vector, and protects slice data from its first byte",
    "C-68": "the samples of a fragment are all protected or all clear",
    "C-69": "a fragment describes its own sample groups",
}

_SHOULD: Mapping[str, str] = {
    "ANX-B.5-01": "an empty object marks the end of a span",
    "ANX-B.6-04": "the content type of MP4 segments has a correct codecs parameter",
    "ANX-B.7-08": "the content type of CMAF segments has a correct codecs parameter",
    "ANX-B.9.2-03": "attribute SeekTable has an entry every few seconds",
    "ANX-B.9.2-04": "attribute SeekTable has at most twenty entries",
    "C-03": "a file that lists brand cmf2 also lists cmfc",
    "C-19": "stss is present if a sample is not a sync sample",
    "C-65": "samples encrypted as a whole with a constant vector have no senc, saiz and saio",
    "P-01": "every sample has data, since players reject a whole segment with an empty sample",
    "P-02": "pictures are not a tick apart among others that are not, since players drop them",
    "P-03": "pictures are presented about as long after their decoding as others, since players wait or drop them",
    "P-04": "samples of a multiplexed object are not seconds older than its leading track, since seeking misses them",
}

RULES: Mapping[str, Rule] = {
    **{id_: Rule(id_, Level.ERROR, text) for id_, text in _SHALL.items()},
    **{id_: Rule(id_, Level.WARNING, text) for id_, text in _SHOULD.items()},
}
"""All rules, by id."""


class Findings:
    """Collects the findings of one object; those of a rule beyond ``most`` are only counted."""

    __slots__ = ("_counts", "_found", "_most", "key")

    def __init__(self, key: str = "", *, most: int = _MAX_PER_RULE) -> None:
        self.key = key
        self._most = most
        self._found: list[Finding] = []
        self._counts: dict[str, int] = {}

    def add(
        self, rule: str, message: str, *, offset: int | None = None, path: str = "", key: str | None = None
    ) -> None:
        """Report that ``rule`` is broken."""
        count = self._counts.get(rule, 0) + 1
        self._counts[rule] = count
        if count <= self._most:
            where = self.key if key is None else key
            self._found.append(Finding(rule, RULES[rule].level, where, offset, escaped(message), escaped(path)))

    def note(self, rule: str, message: str, key: str) -> None:
        """Report that ``rule`` does not hold, which is no fault."""
        self._found.append(Finding(rule, Level.NOTE, key, None, escaped(message)))

    def add_all(self, others: "Findings") -> None:
        """Take over what others found and counted; more than ``most`` may be listed if something was found before."""
        others.add_to(self._found, self._counts)

    def add_to(self, found: list[Finding], counts: dict[str, int]) -> None:
        """Append the findings to a list, and add their numbers by rule to a table."""
        found += self._found
        for rule, count in self._counts.items():
            counts[rule] = counts.get(rule, 0) + count

    def __bool__(self) -> bool:
        return bool(self._found)

    def take(self) -> Iterator[Finding]:
        """Yield the findings, and forget them."""
        yield from self._found
        for rule, count in self._counts.items():
            if count > self._most:
                more = count - self._most
                yield Finding(rule, RULES[rule].level, self.key, None, f"and {more} more like these", count=more)
        self._found.clear()
        self._counts.clear()


class RecurringLog:
    """Notes the findings of one object that others may share; ``add_to`` passes them on."""

    __slots__ = ("_added",)

    def __init__(self) -> None:
        self._added: list[tuple[str, str, str, str]] = []

    def add(self, rule: str, message: str, *, key: str, path: str) -> None:
        """Report that the object breaks ``rule``."""
        self._added.append((rule, message, key, path))

    def add_to(self, recurring: "Recurring") -> None:
        """Report all to the findings of the place."""
        for rule, message, key, path in self._added:
            recurring.add(rule, message, key=key, path=path)


class Recurring:
    """Collects findings that the objects of a place are likely to share: each is reported once, with its count.

    Beyond a hundred different findings, only the number is kept.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Finding, int]] = {}

    def add(self, rule: str, message: str, *, key: str, path: str) -> None:
        """Report that one more object breaks ``rule``."""
        message = escaped(message)
        if (rule, message) not in self._found and len(self._found) >= _MAX_RECURRING:
            message = "and others"
        first = Finding(rule, RULES[rule].level, key, None, message, escaped(path))
        first, count = self._found.get((rule, message), (first, 0))
        self._found[rule, message] = first, count + 1

    def take(self) -> Iterator[Finding]:
        """Yield the findings, and forget them."""
        for first, count in self._found.values():
            message = f"{first.message} ({count} objects of this place)"
            yield first if count == 1 else replace(first, message=message, count=count)
        self._found.clear()
