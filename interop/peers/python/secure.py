"""Self-signed certificates that name an XMPP address (RFC 6120 §13.7.1.4), and TLS 1.3 over any channel, by OpenSSL through memory."""
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier
from OpenSSL import SSL, crypto

import strict
from case import Over

XMPP_ADDRESS = ObjectIdentifier("1.3.6.1.5.5.7.8.5")


def utf8_string(text):
    data = text.encode()
    assert len(data) < 128
    return bytes([0x0C, len(data)]) + data


class Identity:
    def __init__(self, case):
        key = ec.generate_private_key(ec.SECP256R1())
        if case.old:
            key = rsa.generate_private_key(65537, 2048)
        if case.breaks("certificate-rsa-1024"):
            key = rsa.generate_private_key(65537, 1024)
        if case.breaks("certificate-curve-secp256k1"):
            key = ec.generate_private_key(ec.SECP256K1())
        if case.breaks("certificate-ed448"):
            key = ed448.Ed448PrivateKey.generate()
        if case.breaks("certificate-dsa"):
            key = dsa.generate_private_key(2048)
        address = case.own.split("/")[0]
        if case.breaks("certificate-other-address"):
            address = "tybalt@capulet.lit"
        day = datetime.timedelta(days=1)
        now = datetime.datetime.utcnow()
        start, end = now - day, now + 30 * day
        if case.breaks("certificate-expired"):
            start, end = now - 30 * day, now - day
        if case.breaks("certificate-not-yet-valid"):
            start, end = now + day, now + 30 * day
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an end-to-end stream")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        names = [x509.OtherName(XMPP_ADDRESS, utf8_string(address))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if case.breaks("certificate-unknown-critical-extension"):
            builder = builder.add_extension(x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), critical=True)
        if case.breaks("certificate-not-for-clients"):
            builder = builder.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
        digest = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256()
        certificate = builder.sign(key, digest)
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = hashlib.sha256(self.der).hexdigest()
        self.certificate = crypto.X509.from_cryptography(certificate)
        self.key = crypto.PKey.from_cryptography_key(key) if not isinstance(key, (ec.EllipticCurvePrivateKey, ed448.Ed448PrivateKey)) else through_pem(key)


def through_pem(key):
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return crypto.load_privatekey(crypto.FILETYPE_PEM, pem)


"""What comes in the place of a handshake."""
INSTEAD = {
    "tls-xml-instead": b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    "tls-garbage-instead": bytes(range(256)),
    "tls-record-too-long": b"\x16\x03\x01\xff\xff" + bytes(2000),
    "tls-fatal-alert-at-once": b"\x15\x03\x03\x00\x02\x02\x28",
}


class Tls:
    """TLS over a channel. The initiator is the client (Jingle-XTLS; RFC 6120 §5.4.3)."""

    def __init__(self, case, channel, identity, role):
        self.case, self.channel, self.identity, self.role = case, channel, identity, role
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        if case.breaks("tls-1.2-only"):
            context.set_min_proto_version(SSL.TLS1_2_VERSION)
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        if case.old:
            context.set_min_proto_version(SSL.TLS1_1_VERSION)
            context.set_max_proto_version(SSL.TLS1_1_VERSION)
        context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # what is tested is that the other side refuses our weak keys
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)  # self-signed: trust is not TLS's matter here
        if not (role == "initiator" and case.breaks("tls-without-certificate")):
            context.use_certificate(identity.certificate)
            context.use_privatekey(identity.key)
        self.connection = SSL.Connection(context, None)
        if role == "initiator":
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()

    async def handshake(self):
        case = self.case
        for rule, data in INSTEAD.items():
            # XML where TLS at once was agreed on is another misbehaviour: xtls-agreed-and-not-kept.
            if not (rule == "tls-xml-instead" and case.options.get("secure") == "xtls") and case.breaks(rule):
                if self.role == "responder":
                    await self.channel.read()  # in the place of a ServerHello: what comes ahead of the ClientHello is in the clear behind <proceed/>, another misbehaviour
                await self.channel.write(data)
        if case.breaks("tls-closed-before-handshake"):
            await self.channel.close()
            raise Over("closed")
        while True:
            try:
                self.connection.do_handshake()
                break
            except SSL.WantReadError:
                await self._flush()
                if self.role == "initiator" and case.breaks("tls-cut-within-handshake"):
                    await self.channel.close()
                    raise Over("closed")
                await self._fill()
            except SSL.Error as error:
                await self._failed(error)
        await self._flush()
        peer = self.connection.get_peer_certificate()
        self.peer = crypto.dump_certificate(crypto.FILETYPE_ASN1, peer)
        self.peer_fingerprint = hashlib.sha256(self.peer).hexdigest()
        self.protocol = self.connection.get_protocol_version_name()
        refused = strict.certificate(self.peer, self.role, case.other)
        if refused:
            raise Over("bad-certificate", refused)

    async def _failed(self, error):
        await self._flush()
        reasons = " ".join(str(part[-1]) for part in error.args[0]) if error.args and isinstance(error.args[0], list) else str(error)
        if "alert" in reasons:
            self.case.hear("tls", reasons.split("alert ")[-1].replace(" ", "-"))
        raise Over("tls-failed", reasons)

    async def _flush(self):
        while True:
            try:
                out = self.connection.bio_read(65536)
            except SSL.WantReadError:
                return
            if self.case.breaks("tls-record-altered"):
                out = out[:-1] + bytes([out[-1] ^ 1])
            await self.channel.write(out)

    async def _fill(self):
        data = await self.channel.read()
        if data == b"":
            raise Over("closed", "the bytes ended within TLS")
        self.connection.bio_write(data)

    async def read(self):
        while True:
            try:
                return self.connection.recv(65536)
            except SSL.WantReadError:
                await self._flush()
                data = await self.channel.read()
                if data == b"":
                    return b""
                self.connection.bio_write(data)
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                await self._failed(error)

    async def write(self, data):
        for at in range(0, len(data), 16384):
            self.connection.send(data[at : at + 16384])
            await self._flush()

    async def close(self):
        if not self.case.breaks("tls-without-close-notify"):
            try:
                self.connection.shutdown()
            except SSL.Error:
                pass  # it was down already
            try:
                await self._flush()
            except Over:
                pass  # the other side had ended the session by then
        await self.channel.close()

    def export(self, label, context, length=32):
        """RFC 8446 §7.5."""
        return self.connection.export_keying_material(label, length, context)
