"""From a camera's access units to samples, as an RTSP depacketiser or another demuxer delivers them.

An access unit comes in with start codes (Annex B of H.264 and H.265), behind NAL lengths, or as its NAL units, and
leaves behind 4-byte NAL lengths. SEI, access unit delimiters and whatever else it holds stay, as they are and in
order; those of a delivery without a slice go in front of the next picture. Parameter sets are held against the codec
in force:

* 'avc1' and 'hvc1' keep them in the sample entry, so they are taken out of the sample. A set that differs gives a new
  codec with the picture that needs it: a sequence parameter set with the next one that starts decoding, a picture
  parameter set with the first that refers to it. A new codec is a new movie box, which ends all spans.
* 'avc3' and 'hev1' keep them in band. The codec changes only when something else in the sample entry would
  (profile, level, size, colours); a sync sample that comes without sets is given those in force.

What cannot be read costs itself only, and is counted in ``lost``. Where a picture comes in several deliveries,
`picture_assembly` puts it together first.

ISO/IEC 14496-15, 5.3 and 8.3; H.264, 7.4.1.2.1; RFC 6184; RFC 7798.
"""

from collections.abc import Iterable

from onvif_bmff.bmff import AvcConfigurationBox, HevcConfigurationBox
from onvif_bmff.codecs.avc import syntax as avc_syntax
from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.avc.picture import avc_recovery_frame_count
from onvif_bmff.codecs.avc.slice import avc_slice_type
from onvif_bmff.codecs.hevc import syntax as hevc_syntax
from onvif_bmff.codecs.hevc.codec import HevcCodec
from onvif_bmff.codecs.hevc.picture import HevcPictureHeaders, hevc_recovery_order_count
from onvif_bmff.codecs.hevc.pps import parse_hevc_pps
from onvif_bmff.codecs.nal_access_units import AccessUnits, SetKey
from onvif_bmff.codecs.nal_video import read_configuration
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import Buffer, SliceType
from onvif_bmff.media.nal_family import AVC, HEVC

__all__ = ["AvcAccessUnits", "HevcAccessUnits"]


class AvcAccessUnits(AccessUnits[AvcCodec]):
    """Converts H.264 access units; ``codec`` if it is known beforehand (from SDP), else the stream must bring it.

    ``in_band`` asks for 'avc3' where no codec is given. Decoding starts at IDR pictures, at I pictures with a recovery
    point whose frame count is 0, and, unless ``gradual`` is false, at recovery points of a gradual refresh.
    ``length_size`` is the bytes of NAL lengths where access units come behind such, as in files; 0: with start codes.
    The codec in force is ``codec``; ``lost`` counts NAL units that went into no sample, by reason (`LostUnits`).
    """

    family = AVC
    kinds = (avc_syntax.NAL_SPS, avc_syntax.NAL_PPS)
    sei = avc_syntax.NAL_SEI

    @classmethod
    def from_avcc(cls, record: Buffer, *, in_band: bool = False, gradual: bool = True) -> "AvcAccessUnits":
        """Return what converts the access units of Matroska, FLV or RTMP, whose decoder configuration is ``record``.

        That is an AVCDecoderConfigurationRecord, the payload of an 'avcC' box, which FFmpeg calls extradata; it says
        how many bytes NAL lengths have. Parameter sets with start codes, which it may hold as well, are taken for
        those of a byte stream. Raises ``MediaError`` for what is neither.
        """
        if bytes(record[:3]) == b"\0\0\1" or bytes(record[:4]) == b"\0\0\0\1":
            stream = cls(in_band=in_band, gradual=gradual)
            stream.convert(record)
            return stream
        config = read_configuration(record, AvcConfigurationBox)
        units = cls(in_band=in_band, gradual=gradual, length_size=config.length_size_minus_one + 1)
        units.convert((*config.sequence_parameter_sets, *config.picture_parameter_sets))
        return units

    def _kind(self, unit: bytes) -> int:
        return AVC.types[unit[0]]

    def _is_slice(self, kind: int) -> bool:
        return avc_syntax.avc_is_vcl(kind)

    def _is_sync(self, kind: int) -> bool:
        return avc_syntax.avc_is_idr(kind)

    def _is_intra(self, nal: bytes) -> bool:
        try:
            return avc_slice_type(nal) in (SliceType.I, SliceType.SI)
        except BitstreamError:
            return False

    def _recovery(self, seis: list[bytes]) -> int | None:
        return avc_recovery_frame_count(seis)

    def _key(self, nal: bytes) -> SetKey:
        if AVC.types[nal[0]] == avc_syntax.NAL_SPS:
            return avc_syntax.NAL_SPS, avc_syntax.parse_avc_sps(nal).sps_id
        return avc_syntax.NAL_PPS, avc_syntax.avc_pps_ids(nal)[0]

    def _pps_id(self, nal: bytes) -> int:
        return avc_syntax.avc_slice_pps_id(nal)

    def _sets_of(self, codec: AvcCodec) -> Iterable[bytes]:
        return codec.sps + codec.pps

    def _make(self, sets: list[list[bytes]]) -> AvcCodec:
        kind = AVC.in_band if self._in_band else AVC.with_sets
        return AvcCodec.from_parameter_sets(sets[0], sets[1], sample_entry_type=kind)


class HevcAccessUnits(AccessUnits[HevcCodec]):
    """Converts H.265 access units; ``codec`` if it is known beforehand (from SDP), else the stream must bring it.

    ``in_band`` asks for 'hev1' where no codec is given. Decoding starts at IDR, CRA and BLA pictures, at I pictures
    with a recovery point whose count is 0, and, unless ``gradual`` is false, at recovery points of a gradual refresh.
    ``length_size`` is the bytes of NAL lengths where access units come behind such, as in files; 0: with start codes.
    The codec in force is ``codec``; ``lost`` counts NAL units that went into no sample, by reason (`LostUnits`).
    """

    family = HEVC
    kinds = (hevc_syntax.NAL_VPS, hevc_syntax.NAL_SPS, hevc_syntax.NAL_PPS)
    sei = hevc_syntax.NAL_PREFIX_SEI

    @classmethod
    def from_hvcc(cls, record: Buffer, *, in_band: bool = False, gradual: bool = True) -> "HevcAccessUnits":
        """Return what converts access units whose HEVCDecoderConfigurationRecord ('hvcC', extradata) is ``record``.

        As ``AvcAccessUnits.from_avcc`` does. Raises ``MediaError`` for what is neither that nor parameter sets with
        start codes.
        """
        if bytes(record[:3]) == b"\0\0\1" or bytes(record[:4]) == b"\0\0\0\1":
            stream = cls(in_band=in_band, gradual=gradual)
            stream.convert(record)
            return stream
        config = read_configuration(record, HevcConfigurationBox)
        units = cls(in_band=in_band, gradual=gradual, length_size=config.length_size_minus_one + 1)
        units.convert([nal for array in config.arrays for nal in array.nal_units])
        return units

    def _kind(self, unit: bytes) -> int:
        if len(unit) < 2:
            return -1
        kind = hevc_syntax.hevc_nal_type(unit)
        return -1 if hevc_syntax.hevc_layer_id(unit) else kind

    def _is_slice(self, kind: int) -> bool:
        return kind >= 0 and hevc_syntax.hevc_is_vcl(kind)

    def _is_sync(self, kind: int) -> bool:
        return hevc_syntax.hevc_is_irap(kind)

    def _is_intra(self, nal: bytes) -> bool:
        try:
            return HevcPictureHeaders(self._sets.values()).read(nal).intra
        except BitstreamError:
            return False

    def _recovery(self, seis: list[bytes]) -> int | None:
        return hevc_recovery_order_count(seis)

    def _key(self, nal: bytes) -> SetKey:
        kind = hevc_syntax.hevc_nal_type(nal)
        if kind == hevc_syntax.NAL_VPS:
            return kind, hevc_syntax.parse_hevc_vps(nal).vps_id
        if kind == hevc_syntax.NAL_SPS:
            return kind, hevc_syntax.parse_hevc_sps(nal).sps_id
        return kind, parse_hevc_pps(nal).pps_id

    def _pps_id(self, nal: bytes) -> int:
        return hevc_syntax.hevc_slice_pps_id(nal)

    def _sets_of(self, codec: HevcCodec) -> Iterable[bytes]:
        return codec.vps + codec.sps + codec.pps

    def _make(self, sets: list[list[bytes]]) -> HevcCodec:
        kind = HEVC.in_band if self._in_band else HEVC.with_sets
        return HevcCodec.from_parameter_sets(sets[0], sets[1], sets[2], sample_entry_type=kind)
