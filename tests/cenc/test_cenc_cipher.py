"""AES over samples: published vectors, and a slow second implementation."""

import cenc_reference as slow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc.cipher import Cbc1Cipher, CbcsCipher, CensCipher, CtrCipher, cipher_for
from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.scheme import NAL_PATTERN, NO_PATTERN, Pattern, ProtectionScheme
from onvif_bmff.errors import ProtectionError, UnsupportedSchemeError

KID = parse_kid("00112233-4455-6677-8899-aabbccddeeff")

# NIST SP 800-38A, appendix F: key and four blocks of plain text of all AES-128 examples.
NIST_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
NIST_CLEAR = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
NIST_CBC_IV = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
NIST_CBC = bytes.fromhex(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)
NIST_CTR_IV = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
NIST_CTR = bytes.fromhex(
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
)


def content_key(key: bytes = NIST_KEY) -> ContentKey:
    return ContentKey(KID, key)


def run(method, data, samples):
    buffer = bytearray(data)
    method(buffer, samples)
    return bytes(buffer)


@st.composite
def fragments(draw, iv_sizes=(8, 16), whole_blocks=False):
    """A buffer with clear gaps, and per sample a vector and one to four ranges in it."""
    at = draw(st.integers(0, 17))
    samples = []
    for _ in range(draw(st.integers(0, 4))):
        iv = draw(st.binary(min_size=draw(st.sampled_from(iv_sizes)), max_size=16).filter(lambda v: len(v) in (8, 16)))
        ranges = []
        for _ in range(draw(st.integers(0, 4))):
            length = draw(st.one_of(st.integers(0, 40), st.integers(0, 700)))
            if whole_blocks:
                length &= ~15
            ranges.append((at, at + length))
            at += length + draw(st.integers(0, 9))
        samples.append((iv, ranges))
    seed = draw(st.integers(0, 2**32))
    size = at + draw(st.integers(0, 5))
    data = bytes((seed + 31 * number + (number * number >> 3)) & 0xFF for number in range(size))
    return data, samples


patterns = st.tuples(st.integers(1, 15), st.integers(0, 15)) | st.just((1, 9)) | st.just((0, 0))


def expected(reference, data, samples):
    for iv, ranges in samples:
        data = reference(iv, data, ranges)
    return data


class TestPublishedVectors:
    @pytest.mark.requirement("ANX-B.8-06")
    def test_counter_mode(self):
        cipher = CtrCipher(content_key())
        assert run(cipher.encrypt, NIST_CLEAR, [(NIST_CTR_IV, [(0, 64)])]) == NIST_CTR
        assert run(cipher.decrypt, NIST_CTR, [(NIST_CTR_IV, [(0, 64)])]) == NIST_CLEAR

    def test_counter_mode_goes_on_over_the_ranges_of_a_sample(self):
        buffer = b"head" + NIST_CLEAR[:21] + b"gap" + NIST_CLEAR[21:] + b"tail"
        out = run(CtrCipher(content_key()).encrypt, buffer, [(NIST_CTR_IV, [(4, 25), (28, 71)])])
        assert out == b"head" + NIST_CTR[:21] + b"gap" + NIST_CTR[21:] + b"tail"

    @pytest.mark.requirement("ANX-B.8-07")
    @pytest.mark.parametrize("cipher", [CbcsCipher(content_key(), NO_PATTERN), Cbc1Cipher(content_key())])
    def test_chained_mode(self, cipher):
        assert run(cipher.encrypt, NIST_CLEAR, [(NIST_CBC_IV, [(0, 64)])]) == NIST_CBC
        assert run(cipher.decrypt, NIST_CBC, [(NIST_CBC_IV, [(0, 64)])]) == NIST_CLEAR

    def test_the_chain_links_encrypted_blocks_only(self):
        """The four blocks of the vector, nine blocks apart, as 1:9 encrypts them."""
        gap = bytes(range(144))
        blocks = [NIST_CLEAR[at : at + 16] for at in range(0, 64, 16)]
        coded = [NIST_CBC[at : at + 16] for at in range(0, 64, 16)]
        for lead in range(9):
            buffer = bytes(lead) + gap.join(blocks) + b"partial"
            ranges = [(lead, len(buffer))]
            cipher = CbcsCipher(content_key(), NAL_PATTERN)
            out = run(cipher.encrypt, buffer, [(NIST_CBC_IV, ranges)])
            assert out == bytes(lead) + gap.join(coded) + b"partial"
            assert run(cipher.decrypt, out, [(NIST_CBC_IV, ranges)]) == buffer

    def test_cbc1_goes_on_over_the_ranges_of_a_sample_and_cbcs_does_not(self):
        buffer = NIST_CLEAR[:32] + b"-" + NIST_CLEAR[32:]
        ranges = [(0, 32), (33, 65)]
        chained = run(Cbc1Cipher(content_key()).encrypt, buffer, [(NIST_CBC_IV, ranges)])
        assert chained == NIST_CBC[:32] + b"-" + NIST_CBC[32:]
        restarted = run(CbcsCipher(content_key(), NO_PATTERN).encrypt, buffer, [(NIST_CBC_IV, ranges)])
        assert restarted[:33] == chained[:33]
        assert restarted[33:] == run(
            CbcsCipher(content_key(), NO_PATTERN).encrypt, NIST_CLEAR[32:], [(NIST_CBC_IV, [(0, 32)])]
        )


class TestAgainstTheSlowOne:
    @pytest.mark.requirement("ANX-B.8-06")
    @given(fragments(), st.binary(min_size=16, max_size=16))
    @settings(max_examples=60, deadline=None)
    def test_cenc(self, fragment, key):
        data, samples = fragment
        cipher = CtrCipher(content_key(key))
        out = run(cipher.encrypt, data, samples)
        assert out == expected(lambda iv, d, r: slow.cenc(key, iv, d, r), data, samples)
        assert run(cipher.decrypt, out, samples) == data

    @given(fragments(iv_sizes=(16,)), st.integers(0, 40), st.integers(0, 2**64 - 1))
    @settings(max_examples=60, deadline=None)
    def test_the_counter_wraps_without_carry(self, fragment, before_the_end, high):
        data, samples = fragment
        iv = high.to_bytes(8, "big") + (2**64 - 1 - before_the_end).to_bytes(8, "big")
        samples = [(iv, ranges) for _, ranges in samples]
        cipher = CtrCipher(content_key())
        out = run(cipher.encrypt, data, samples)
        assert out == expected(lambda iv, d, r: slow.cenc(NIST_KEY, iv, d, r), data, samples)
        assert run(cipher.decrypt, out, samples) == data

    @pytest.mark.requirement("ANX-B.8-07")
    @given(fragments(), patterns)
    @settings(max_examples=80, deadline=None)
    def test_cbcs(self, fragment, pattern):
        data, samples = fragment
        cipher = CbcsCipher(content_key(), Pattern(*pattern))
        out = run(cipher.encrypt, data, samples)
        assert out == expected(lambda iv, d, r: slow.cbcs(NIST_KEY, iv, d, r, *pattern), data, samples)
        assert run(cipher.decrypt, out, samples) == data
        assert expected(lambda iv, d, r: slow.cbcs(NIST_KEY, iv, d, r, *pattern, decrypt=True), out, samples) == data

    @given(fragments())
    @settings(max_examples=40, deadline=None)
    def test_cbc1(self, fragment):
        data, samples = fragment
        cipher = Cbc1Cipher(content_key())
        out = run(cipher.encrypt, data, samples)
        assert out == expected(lambda iv, d, r: slow.cbc1(NIST_KEY, iv, d, r), data, samples)
        assert run(cipher.decrypt, out, samples) == data

    @given(fragments(), patterns)
    @settings(max_examples=60, deadline=None)
    def test_cens(self, fragment, pattern):
        data, samples = fragment
        cipher = CensCipher(content_key(), Pattern(*pattern))
        out = run(cipher.encrypt, data, samples)
        assert out == expected(lambda iv, d, r: slow.cens(NIST_KEY, iv, d, r, *pattern), data, samples)
        assert run(cipher.decrypt, out, samples) == data

    @pytest.mark.parametrize("pattern", [(1, 9), (0, 0), (5, 5), (10, 0)])
    def test_long_ranges_after_short_ones(self, pattern):
        """The row of blocks between buffer and cipher has to grow twice."""
        data = bytes(number * 7 & 0xFF for number in range(70_000))
        samples = [(bytes(range(16)), [(3, 500), (501, 20_000), (20_007, 70_000)])]
        cipher = CbcsCipher(content_key(), Pattern(*pattern))
        out = run(cipher.encrypt, data, samples)
        assert out == slow.cbcs(NIST_KEY, bytes(range(16)), data, samples[0][1], *pattern)
        assert run(cipher.decrypt, out, samples) == data
        chained = Cbc1Cipher(content_key())
        out = run(chained.encrypt, data, samples)
        assert out == slow.cbc1(NIST_KEY, bytes(range(16)), data, samples[0][1])
        assert run(chained.decrypt, out, samples) == data


class TestFactory:
    def test_each_scheme_has_its_cipher(self):
        data = bytes(range(200))
        iv, ranges = bytes(range(8)), [(1, 190)]
        for scheme, wanted in {
            ProtectionScheme.CENC: slow.cenc(NIST_KEY, iv, data, ranges),
            ProtectionScheme.CENS: slow.cens(NIST_KEY, iv, data, ranges, 2, 3),
            ProtectionScheme.CBC1: slow.cbc1(NIST_KEY, iv, data, ranges),
            ProtectionScheme.CBCS: slow.cbcs(NIST_KEY, iv, data, ranges, 2, 3),
        }.items():
            cipher = cipher_for(scheme, content_key(), Pattern(2, 3))
            assert run(cipher.encrypt, data, [(iv, ranges)]) == wanted
            assert run(cipher.decrypt, wanted, [(iv, ranges)]) == data

    @pytest.mark.parametrize("pattern", [(0, 9), (16, 0), (1, 16), (-1, 1)])
    @pytest.mark.parametrize("scheme", [ProtectionScheme.CBCS, ProtectionScheme.CENS])
    def test_patterns_that_mean_nothing(self, scheme, pattern):
        with pytest.raises(UnsupportedSchemeError, match="pattern"):
            cipher_for(scheme, content_key(), Pattern(*pattern))


CIPHERS = [
    CtrCipher(content_key()),
    CensCipher(content_key(), Pattern(1, 9)),
    CensCipher(content_key(), NO_PATTERN),
    CbcsCipher(content_key()),
    CbcsCipher(content_key(), NO_PATTERN),
    Cbc1Cipher(content_key()),
]


@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda cipher: type(cipher).__name__)
@pytest.mark.parametrize("verb", ["encrypt", "decrypt"])
class TestMisuse:
    @pytest.mark.parametrize("part", [(-16, 16), (0, 65), (48, 32), (65, 81), (2**70, 2**71)])
    def test_ranges_outside_the_buffer(self, cipher, verb, part):
        with pytest.raises(ProtectionError, match="outside"):
            getattr(cipher, verb)(bytearray(64), [(bytes(16), [part])])

    @pytest.mark.parametrize("size", [0, 7, 9, 15, 17])
    def test_vectors_of_other_sizes(self, cipher, verb, size):
        with pytest.raises(ProtectionError, match="8 or 16 bytes"):
            getattr(cipher, verb)(bytearray(64), [(bytes(size), [(0, 64)])])

    def test_read_only_buffers(self, cipher, verb):
        with pytest.raises(ProtectionError, match="read-only"):
            getattr(cipher, verb)(memoryview(bytes(64)), [(bytes(16), [(0, 64)])])

    def test_nothing_to_do(self, cipher, verb):
        for size in range(9):
            buffer = bytearray(size)
            getattr(cipher, verb)(buffer, [])
            getattr(cipher, verb)(buffer, [(bytes(16), [])])
            getattr(cipher, verb)(buffer, [(bytes(16), [(size, size)])])
            assert buffer == bytes(size)

    def test_views_and_other_formats(self, cipher, verb):
        samples = [(bytes(range(16)), [(2, 62)])]
        plain = bytearray(range(64))
        getattr(cipher, verb)(plain, samples)
        inside = bytearray(b"ab" + bytes(range(64)) + b"cd")
        getattr(cipher, verb)(memoryview(inside)[2:66], samples)
        assert inside == b"ab" + plain + b"cd"
        words = bytearray(range(64))
        getattr(cipher, verb)(memoryview(words).cast("I"), samples)
        assert words == plain
