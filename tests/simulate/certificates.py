"""Certificates that expire in simulated time and are renewed, for the ``certificates`` mapping of a device.

All are for one key of P-256, which is fixed, and signed in the deterministic way, so that a seed gives the same bytes
each time. Making one takes less than a millisecond; those of one name and validity are made once a process.
"""

from datetime import timedelta
from functools import cache, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Simulation

__all__ = ["HITS", "SimulatedCertificates", "unwrapper"]

HITS = ("certificate expired",)
"""What is counted in ``simulation.hits``."""

_ALWAYS = (946_684_800, 4_102_444_800)
"""2000 to 2100."""


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    """The private key of all recipients: a fixed one, so that it takes no chance."""
    return ec.derive_private_key(0x0123456789ABCDEF0123456789ABCDEF, ec.SECP256R1())


@cache
def unwrapper() -> PrivateKeyUnwrapper:
    """Return what opens the keys that were wrapped for any of the certificates."""
    return PrivateKeyUnwrapper(_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@lru_cache(10_000)
def _certificate(name: str, first: int, last: int) -> bytes:
    """Return a certificate (PEM) that is valid from one second since 1970 to another."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    since, until = (UtcTime(second * 1_000_000).to_datetime() for second in (first, last))
    builder = x509.CertificateBuilder(subject, subject, _key().public_key(), 1, since, until)
    return builder.sign(_key(), hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM)


class SimulatedCertificates:
    """The certificates of a world, which go on over restarts; give ``current`` to each device.

    ``viewer`` is always valid. ``guest`` expires and is renewed, now before, now after that: call ``run`` in a task,
    or ``renew`` when it should happen.

    Args:
        simulation: time and chance.
        start: the wall clock at time 0.
        validity: of ``guest``, on average.
    """

    def __init__(self, simulation: Simulation, start: UtcTime, validity: timedelta = timedelta(minutes=3)) -> None:
        self._simulation = simulation
        self._start = start
        self._validity = validity.total_seconds()
        self.expires = 0.0
        self.current: dict[str, bytes] = {"viewer": _certificate("viewer", *_ALWAYS)}
        self.renew()

    @property
    def names(self) -> tuple[str, ...]:
        """The IDs of all certificates."""
        return tuple(self.current)

    def is_valid(self, name: str) -> bool:
        """Return whether a certificate is valid now, by a clock that is right."""
        return name == "viewer" or self._simulation.time < self.expires

    def renew(self) -> None:
        """Make ``guest`` anew: valid from now on, for a while."""
        now = self._simulation.time
        since = int(self._start.microseconds // 1_000_000 + now)
        lasting = int(self._validity * self._simulation.chance.uniform(0.5, 1.5))
        self.current["guest"] = _certificate("guest", since - 1, since + lasting)
        self.expires = since + lasting - self._start.microseconds / 1e6

    def run(self) -> None:
        """Renew ``guest`` for ever: two of three times in time, else when it has been expired for a while."""
        simulation = self._simulation
        while True:
            left = self.expires - simulation.time
            if simulation.chance.random() < 2 / 3:
                simulation.sleep(left * simulation.chance.uniform(0.5, 0.95))
            else:
                simulation.sleep(left + simulation.chance.uniform(5, self._validity))
                simulation.hits["certificate expired"] += 1
            self.renew()
