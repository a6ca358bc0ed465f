"""A private key in a PKCS#11 token, for ``--unwrapper pkcs11_token:open_token``. docs/keys.md shows this file."""

import os
from pathlib import Path

import pkcs11
from pkcs11 import KDF, MGF, Attribute, KeyType, Mechanism, ObjectClass

HASHES = {"sha1": (Mechanism.SHA_1, MGF.SHA1), "sha256": (Mechanism.SHA256, MGF.SHA256)}


class Pkcs11Token:
    """The private key of this label, with the certificates of the same ID."""

    def __init__(self, session, label):
        self._key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
        mine = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: self._key.id}
        self.certificates = [found[Attribute.VALUE] for found in session.get_objects(mine)]

    def decrypt(self, wrapped, oaep_hash, mask_hash):
        """RSA: undo OAEP in the token."""
        parameters = (HASHES[oaep_hash][0], HASHES[mask_hash][1], None)
        return self._key.decrypt(wrapped, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=parameters)

    def agree(self, point):
        """Elliptic curves: multiply a point in the token, and take the x-coordinate out of it."""
        readable = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
        size = 32 if len(point) == 32 else len(point) // 2  # X25519, or 0x04 and two coordinates
        secret = self._key.derive_key(
            KeyType.GENERIC_SECRET,
            8 * size,
            mechanism=Mechanism.ECDH1_DERIVE,
            mechanism_param=(KDF.NULL, None, point),
            template=readable,
        )
        try:
            return secret[Attribute.VALUE]
        finally:
            secret.destroy()


def open_token():
    """The token that the environment names. The PIN comes from a file, so that no argument shows it."""
    library = pkcs11.lib(os.environ["PKCS11_MODULE"])
    token = library.get_token(token_label=os.environ["PKCS11_TOKEN"])
    session = token.open(user_pin=Path(os.environ["PKCS11_PIN_FILE"]).read_text().strip())
    return Pkcs11Token(session, os.environ["PKCS11_KEY"])
