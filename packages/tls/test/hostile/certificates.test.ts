import { generateKeyPairSync } from "node:crypto";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { createIdentity, type Identity, type PeerCertificate, renewIdentity } from "../../src/index.js";
import { asClient, asServer, juliet, kinds, outcome, romeo, securedPair } from "../pairs.js";
import { gone, rawClient, rawServer, showing } from "./peers.js";

const DAY = 24 * 60 * 60 * 1000;
const chain = (...identities: readonly Identity[]) => ({
  cert: identities.map((identity) => showing(identity).cert as string).join(""),
  key: showing(identities[0] as Identity).key as string,
});

describe.each(kinds)("certificates of a hostile peer, over %s", (_kind, pair) => {
  /** How our client ends against such a server, and our server against such a client. */
  const met = {
    client: async (server: Parameters<typeof rawServer>[1], options?: Parameters<typeof asClient>[1]) => {
      const [a, b] = await pair();
      return await ended(outcome(asClient(a, options)), rawServer(b, server), a);
    },
    server: async (client: Parameters<typeof rawClient>[1], options?: Parameters<typeof asServer>[1]) => {
      const [a, b] = await pair();
      return await ended(outcome(asServer(b, options)), rawClient(a, client), b);
    },
  };
  const ended = async (ours: Promise<string>, theirs: Duplex, bytes: Duplex): Promise<string> => {
    const code = await ours;
    theirs.resume();
    if (code === "accepted") theirs.destroy();
    await gone(bytes, theirs);
    return code;
  };

  it("a client that shows no certificate is refused", async () => {
    expect(await met.server({})).toBe("no-certificate");
  });

  it("a server that has no certificate cannot even begin", async () => {
    expect(await met.client({})).toBe("tls-rejected");
  });

  it("a server that asks for no certificate of ours is spoken to all the same: what it does without is its own trust", async () => {
    expect(await met.client({ ...showing(juliet), requestCert: false })).toBe("accepted");
  });

  it.each([
    ["the very certificate", (own: Identity) => own],
    ["another certificate on the same key", (own: Identity) => renewIdentity(own)],
    ["a certificate on the same key for another address", (own: Identity) => createIdentity("tybalt@capulet.lit", { privateKey: own.privateKey })],
  ])("our own key at the other end is reflection: %s", async (_what, reflected) => {
    expect(await met.client(showing(reflected(romeo)))).toBe("reflection");
    expect(await met.server(showing(reflected(juliet)))).toBe("reflection");
  });

  it("reflection is found before the certificate's dates are looked at", async () => {
    const expired = renewIdentity(romeo, { now: new Date(Date.now() - 900 * DAY) });
    expect(await met.client(showing(expired))).toBe("reflection");
  });

  it("a renewed certificate has the same key, and another fingerprint", async () => {
    const shown: PeerCertificate[] = [];
    const accept = (peer: PeerCertificate) => void shown.push(peer);
    for (const identity of [juliet, renewIdentity(juliet)]) {
      const { client, server } = await securedPair(await pair(), { client: { accept }, server: { identity } });
      client.bytes.destroy();
      await gone(client.bytes, server.bytes);
    }
    expect(shown.map(({ spki }) => spki)).toEqual([juliet.spki, juliet.spki]);
    expect(new Set(shown.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  });

  it("of a chain of several the first one counts, whose key the peer has", async () => {
    const tybalt = createIdentity("tybalt@capulet.lit");
    const shown: PeerCertificate[] = [];
    const accept = (peer: PeerCertificate) => void shown.push(peer);
    expect(await met.client(chain(tybalt, juliet, romeo), { accept })).toBe("accepted");
    expect(await met.server(chain(tybalt, romeo, juliet), { accept })).toBe("accepted");
    expect(shown.map(({ spki }) => spki)).toEqual([tybalt.spki, tybalt.spki]);
  });

  it("a certificate that has ended is refused, and one that has not begun", async () => {
    const now = Date.now();
    for (const [identity, code] of [
      [createIdentity("tybalt@capulet.lit", { now: new Date(now - 366 * DAY) }), "certificate-expired"],
      [createIdentity("tybalt@capulet.lit", { now: new Date(now + 2 * DAY) }), "certificate-not-yet-valid"],
      [createIdentity("tybalt@capulet.lit", { now: new Date(now - 364 * DAY) }), "accepted"],
    ] as const) {
      expect(await met.client(showing(identity))).toBe(code);
      expect(await met.server(showing(identity))).toBe(code);
    }
  });

  it("the time is the caller's clock", async () => {
    const clock = () => Date.now() + 500 * DAY;
    expect(await met.client(showing(juliet), { clock })).toBe("certificate-expired");
    expect(await met.server(showing(createIdentity("tybalt@capulet.lit", { now: new Date(clock()) })), { clock })).toBe("accepted");
  });

  it("a certificate other than the one that signalling announced is refused", async () => {
    expect(await met.client(showing(juliet), { expectedFingerprint: juliet.fingerprint })).toBe("accepted");
    expect(await met.client(showing(renewIdentity(juliet)), { expectedFingerprint: juliet.fingerprint })).toBe("fingerprint-mismatch");
    expect(await met.server(showing(romeo), { expectedFingerprint: juliet.fingerprint })).toBe("fingerprint-mismatch");
  });

  it("a certificate that names another's key is of no use without that key", async () => {
    const { cert } = showing(juliet);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(() => rawServer({} as Duplex, { cert: cert as string, key: privateKey.export({ format: "pem", type: "pkcs8" }) as string })).toThrow(/key values mismatch/);
  });
});
