import { createHash, type X509Certificate } from "node:crypto";
import { Duplex } from "node:stream";
import { connect, createSecureContext, type TLSSocket, TLSSocket as Tls } from "node:tls";
import { BalconyError } from "@balcony/channel";
import { readCertificate } from "@balcony/tls";
import { bare } from "@balcony/xml";
import type { Credentials } from "./credentials.js";
import type { Channel } from "./jingle.js";
import { Ended, type Play } from "./play.js";

/** Ed448 is in it so that a certificate of such a key is seen, and not a failed handshake. */
const SIGNATURES =
  "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:ed448:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha1";

/** TLS, let through with whatever the peer shows: it is judged afterwards, rule by rule. */
export class Security {
  readonly #play: Play;
  readonly #records: Records;
  readonly socket: TLSSocket;

  private constructor(play: Play, records: Records, socket: TLSSocket) {
    this.#play = play;
    this.#records = records;
    this.socket = socket;
  }

  static async begin(play: Play, { duplex, atOnce, fingerprint }: Channel, { certificate, key }: Credentials): Promise<Security> {
    const records = new Records(play, duplex, atOnce);
    if (play.options.breach?.startsWith("certificate-")) play.breaks(play.options.breach);
    const anonymous = play.breaks("tls-without-certificate");
    const secureContext = createSecureContext({
      ca: [],
      ...(!anonymous && { cert: certificate, key }),
      minVersion: "TLSv1.2",
      maxVersion: play.breaks("tls-1.2-only") ? "TLSv1.2" : "TLSv1.3",
      ciphers: "DEFAULT:@SECLEVEL=0", // what the peer shows is to be seen, however weak
      sigalgs: SIGNATURES,
    });
    await records.garbage();
    const initiator = play.role === "initiator";
    const socket = initiator
      ? connect({ socket: records, secureContext, rejectUnauthorized: false, checkServerIdentity: () => undefined })
      : new Tls(records, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false });
    const security = new Security(play, records, socket);
    await security.#handshake(initiator ? "secureConnect" : "secure");
    if (play.options.breach === undefined) security.#judge(fingerprint);
    return security;
  }

  async #handshake(event: "secureConnect" | "secure"): Promise<void> {
    const play = this.#play;
    const { socket } = this;
    let stands = false;
    const done = new Promise<void>((resolve, reject) => {
      socket.once(event, () => {
        stands = true;
        resolve();
      });
      const lost = (): void => {
        if (!stands && play.blameless) reject(this.#failed("The bytes ended within the handshake."));
      };
      socket.once("end", lost).once("close", lost);
      this.#records.once("end", () => {
        if (!stands) reject(this.#failed("The bytes ended within the handshake."));
      });
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const alert = /ERR_SSL_(?:TLSV1(?:_3)?|SSLV3|TLSV13)_ALERT_(\w+)/.exec(error.code ?? "")?.[1];
      if (alert !== undefined) play.hear(`tls:${alert.toLowerCase()}`, error.message);
      else if (!play.blameless) return; // of what we have broken: what the peer makes of it is waited for
      play.stop(this.#failed(alert === undefined ? `The handshake failed: ${error.message}.` : `The peer broke TLS off with the alert ${alert.toLowerCase()}.`));
    });
    await play.until(done, "the TLS handshake", "tls-completes");
    play.findings.kept.add("tls-completes");
  }

  #failed(why: string): Error {
    return this.#play.blameless ? this.#play.findings.breach("tls-completes", why) : new Ended(why);
  }

  #judge(announced: Channel["fingerprint"]): void {
    const { findings, role, peer } = this.#play;
    const protocol = this.socket.getProtocol();
    findings.must("tls-1.3", protocol === "TLSv1.3", `The peer speaks ${protocol}.`);
    findings.must("tls-fresh", !this.socket.isSessionReused(), "The peer resumed a TLS session.");
    const shown = this.socket.getPeerX509Certificate();
    findings.must("certificate-shown", shown !== undefined, "The peer showed no certificate.");
    if (!shown) return; // has thrown
    const pem = shown.toString();
    if (announced) {
      const digest = createHash(announced.algorithm).update(shown.raw).digest("hex");
      findings.must("xtls-fingerprint", digest === announced.digits, "The certificate is not the one whose fingerprint was told in Jingle.", pem);
    }
    const now = Date.now();
    findings.must(
      "certificate-time",
      Date.parse(shown.validFrom) <= now && now <= Date.parse(shown.validTo),
      `The certificate is valid from ${shown.validFrom} to ${shown.validTo}.`,
      pem,
    );
    const read = this.#read(shown, pem);
    const needed = role === "initiator" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2";
    const usable = read.usages === undefined || read.usages.includes(needed) || read.usages.includes("2.5.29.37.0");
    findings.must("certificate-usage", usable, `The certificate's extended key usage does not hold TLS ${role === "initiator" ? "servers" : "clients"}.`, pem);
    const named = read.xmppAddresses;
    findings.must(
      "certificate-address",
      named.every((address) => address === bare(peer)),
      `The certificate is for ${named.join(", ")}, and the peer is ${bare(peer)}.`,
      pem,
    );
  }

  #read(shown: X509Certificate, pem: string) {
    const { findings } = this.#play;
    try {
      const read = readCertificate(shown.raw);
      findings.kept.add("certificate-key");
      findings.kept.add("certificate-valid");
      return read;
    } catch (error) {
      if (!(error instanceof BalconyError)) throw error;
      throw findings.breach(error.code === "key-unacceptable" ? "certificate-key" : "certificate-valid", error.message, pem);
    }
  }

  /** Our close_notify, and the peer's. */
  async close(): Promise<void> {
    const play = this.#play;
    const { socket } = this;
    const ended = new Promise<void>((resolve) => {
      if (socket.readableEnded || socket.destroyed) resolve();
      socket.once("end", resolve).once("close", resolve);
    });
    socket.end();
    await play.until(ended, "close_notify", "close-notify");
    play.findings.should("close-notify", this.#records.alertedLast, "The bytes ended without close_notify (RFC 8446 §6.1).");
  }

  destroy(): void {
    this.socket.destroy();
    this.#records.destroy();
  }
}

/** RFC 8446 §5.1: type, version, length. */
const HEADER = 5;
const HANDSHAKE = 22;
const ALERT = 21;
/** RFC 8446 §5.2: an alert of two bytes, its type, and the tag. */
const SEALED_ALERT = 2 + 1 + 16;

/** What TLS lies on: the records that pass are looked at, and, where the play is about that, altered. */
class Records extends Duplex {
  readonly #play: Play;
  readonly #lower: Duplex;
  readonly #atOnce: boolean;
  #rest = Buffer.alloc(0);
  #first = true;
  #bad = false;
  alertedLast = false;

  constructor(play: Play, lower: Duplex, atOnce: boolean) {
    super({ allowHalfOpen: true, autoDestroy: false, emitClose: false });
    this.#play = play;
    this.#lower = lower;
    this.#atOnce = atOnce;
    lower.on("data", (chunk: Buffer) => {
      this.#look(chunk);
      if (!this.#bad) this.push(chunk);
    });
    lower.once("end", () => {
      play.hear("end");
      this.push(null);
    });
    lower.on("error", (error) => play.stop(error));
    lower.resume(); // whoever read before has paused it
  }

  #look(chunk: Buffer): void {
    if (this.#bad) return;
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER) {
      const [type = 0, major = 0] = this.#rest;
      const length = this.#rest.readUInt16BE(3);
      const first = this.#first ? type === HANDSHAKE || type === ALERT : true;
      const good = type >= 20 && type <= 23 && first && major === 3 && length <= 16_384 + 256;
      if (!good) {
        this.#bad = true;
        const why = `What came is no TLS record: ${this.#rest.subarray(0, 16).toString("hex")}`;
        const { findings, blameless } = this.#play;
        // XML where TLS at once was agreed on: the peer goes another way, and knows of records all the same.
        const rule = this.#atOnce && this.#first && /^\s*</.test(this.#rest.toString("latin1")) ? "xtls-kept" : "tls-record";
        this.#play.stop(blameless ? findings.breach(rule, why, this.#rest.subarray(0, 200).toString("latin1")) : new Ended(why));
        return;
      }
      this.#first = false;
      this.#play.findings.kept.add("tls-record");
      if (this.#atOnce) this.#play.findings.kept.add("xtls-kept");
      this.alertedLast = type === ALERT || length === SEALED_ALERT;
      if (this.#rest.length < HEADER + length) return;
      this.#rest = this.#rest.subarray(HEADER + length);
    }
  }

  /** What comes in the place of a handshake. */
  async garbage(): Promise<void> {
    const play = this.#play;
    const send = async (bytes: Uint8Array) => await new Promise<void>((resolve) => this.#lower.write(bytes, () => resolve()));
    if (play.breaks("tls-xml-instead")) await send(Buffer.from("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"));
    if (play.breaks("tls-garbage-instead")) await send(Uint8Array.from({ length: 256 }, (_, index) => index));
    if (play.breaks("tls-record-too-long")) await send(Buffer.concat([Buffer.from([HANDSHAKE, 3, 1, 0xff, 0xff]), Buffer.alloc(2000)]));
    if (play.breaks("tls-fatal-alert-at-once")) await send(Uint8Array.of(ALERT, 3, 3, 0, 2, 2, 40));
    if (play.breaks("tls-closed-before-handshake")) {
      this.#lower.end();
      throw await new Promise<Error>((resolve) => this.#lower.once("finish", () => resolve(new Ended("closed before the handshake"))));
    }
  }

  override _read(): void {
    // Whatever comes is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#lower.writable) {
      done(); // the peer has gone
      return;
    }
    let out = chunk;
    // From the first encrypted record on: whoever cannot read what is in the clear knows nothing of a change.
    const sealed = chunk[0] !== HANDSHAKE || chunk.length > HEADER + chunk.readUInt16BE(3);
    if (sealed && this.#play.breaks("tls-record-altered")) {
      out = Buffer.from(chunk);
      out[out.length - 1] = (out[out.length - 1] ?? 0) ^ 1;
    }
    this.#lower.write(out, (error) => done(error));
  }

  /** The channel below is closed by whoever plays, after close_notify. */
  override _final(done: () => void): void {
    done();
  }
}
