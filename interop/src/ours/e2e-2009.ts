import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { Jingle, type Offer, type Session } from "@balcony/jingle";
import { ibb } from "@balcony/transport-ibb";
import { bare, type Element, xml } from "@balcony/xml";
import { startTls } from "@balcony/xml-stream";
import { makeCertificate } from "../certificates.js";
import { login } from "./client.js";
import { expect, type OurSide, type OurTask } from "./side.js";
import { converse } from "./starttls.js";

const NS_STREAM = "urn:xmpp:jingle:apps:xmlstream:0";
/** What the specifications' first versions called it. */
const names: Readonly<Record<string, string>> = {
  "urn:xmpp:jingle:1": "urn:xmpp:tmp:jingle",
  [NS_STREAM]: "urn:xmpp:tmp:jingle:apps:xmlstream",
  "urn:xmpp:jingle:transports:ibb:1": "urn:xmpp:tmp:jingle:transports:ibb:0",
};
const today: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(names).map(([now, then]) => [then, now]));

/**
 * An end-to-end stream as it was deployed in 2008 and 2009: namespaces of that day, and TLS 1.1 with an RSA key, which no library of Balcony would speak. The machines of Jingle, the bytestream and the
 * stream are the library's; TLS is the harness's own.
 */
export async function e2eOf2009(task: OurTask): Promise<OurSide> {
  const { channel, logout } = await login(task, { sent: renamed(names), received: renamed(today) });
  const folder = await mkdtemp(join(tmpdir(), "balcony-interop-2009-"));
  const files = await makeCertificate("rsa-2048", { address: bare(task.self), folder });
  const [cert, key] = await Promise.all([readFile(files.certificate, "utf8"), readFile(files.key, "utf8")]);
  let offered: (offer: Offer) => void = () => undefined;
  const offer = new Promise<Offer>((resolve) => {
    offered = resolve;
  });
  const jingle = new Jingle(channel, {
    transports: [ibb()],
    applications: [{ namespace: NS_STREAM }],
    knows: (from) => from === task.peer,
    onOffer: (came) => offered(came),
    report: (error) => task.log("note", String(error)),
  });
  const application = xml("description", NS_STREAM);
  const { role, signal } = task;
  const negotiate = async (): Promise<Session> =>
    role === "initiator" ? await jingle.initiate(task.peer, { application, contentName: "xmlstream", signal }) : await (await offer).accept({ application, signal });
  return {
    run: async (peer) => {
      await peer.event("ready");
      const session = await negotiate();
      const { secured } = await startTls<{ readonly bytes: TLSSocket }>(session.connection.bytes, {
        role,
        self: task.self,
        peer: task.peer,
        addresses: "shown",
        signal,
        secure: async (bytes) => ({ bytes: await secureOf2009(bytes, { role, cert, key }) }),
      });
      task.log("note", `${secured.bytes.getProtocol()} stands`);
      await converse(task, secured.bytes, "ended-anyhow");
      const said = await peer.event("secured");
      expect(said.protocol === "TLSv1.1" || said.protocol === "TLSv1", `The peer says that it speaks ${said.protocol}.`);
      expect(said.fingerprint === fingerprintOf(cert), "The peer saw another certificate than ours.");
      expect((await peer.event("received")).text === task.options.text, "The peer got another text.");
      await peer.event("closed");
      await session.terminate("success").catch((error: unknown) => task.log("note", String(error))); // nobody ended sessions then
    },
    close: async () => {
      await jingle.close();
      await logout();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();

function renamed(table: Readonly<Record<string, string>>): (element: Element) => Element {
  const rename = ({ attrs, children, name }: Element): Element => {
    const other = attrs.xmlns === undefined ? undefined : table[attrs.xmlns];
    return xml(name, { ...attrs, ...(other !== undefined && { xmlns: other }) }, ...children.map((child) => (typeof child === "string" ? child : rename(child))));
  };
  return rename;
}

/** TLS before 1.2, unverified: whom to trust is not what is tested. */
async function secureOf2009(bytes: Duplex, { role, cert, key }: { readonly role: OurTask["role"]; readonly cert: string; readonly key: string }): Promise<TLSSocket> {
  const versions = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "AES256-SHA:AES128-SHA:@SECLEVEL=0", cert, key } as const;
  if (role === "initiator") {
    const socket = connectTls({ socket: bytes, rejectUnauthorized: false, checkServerIdentity: () => undefined, ...versions });
    await once(socket, "secureConnect");
    return socket;
  }
  const socket = new TLSSocket(bytes, { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext: createSecureContext(versions) });
  await once(socket, "secure");
  return socket;
}
