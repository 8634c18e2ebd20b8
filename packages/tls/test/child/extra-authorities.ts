// A process of its own, started by ../hostile/environment.test.ts with NODE_EXTRA_CA_CERTS: prints how our client and server take a certificate that these authorities vouch for, and one of ours.
import { readFileSync } from "node:fs";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import { memoryBytePair } from "@balcony/channel";
import { createIdentity, exportIdentity, type PeerCertificate, secure } from "../../src/index.js";

const [, , file = ""] = process.argv;
const vouched = JSON.parse(readFileSync(file, "utf8")) as { readonly cert: string; readonly key: string };
const own = createIdentity("juliet@capulet.lit");
const { certificate: cert, privateKey: key } = exportIdentity(createIdentity("romeo@montague.lit"));

async function met(role: "client" | "server", shown: { readonly cert: string; readonly key: string } | undefined): Promise<string> {
  const [a, b] = memoryBytePair();
  const theirs =
    role === "server"
      ? connect({ socket: b, rejectUnauthorized: false, checkServerIdentity: () => undefined, ...shown })
      : new TLSSocket(b, { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext: createSecureContext(shown) });
  theirs.on("error", () => undefined);
  let judged = false;
  const accept = (_peer: PeerCertificate) => {
    judged = true;
  };
  try {
    const { bytes } = await secure(a, { role, identity: own, accept });
    bytes.destroy();
    return judged ? "accepted, being asked" : "accepted without being asked";
  } catch (error) {
    return (error as { readonly code: string }).code;
  } finally {
    theirs.destroy();
    b.destroy();
  }
}

for (const role of ["client", "server"] as const) {
  process.stdout.write(`${role}, vouched for: ${await met(role, vouched)}\n`);
  process.stdout.write(`${role}, self-signed: ${await met(role, { cert, key })}\n`);
}
process.stdout.write(`server, nothing shown: ${await met("server", undefined)}\n`);
