import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);

interface CertificateKind {
  readonly kind: string;
  /** The code by which Balcony refuses it; undefined where it is taken. */
  readonly code: string | undefined;
}

/** Every kind of certificate that a peer may show, and what becomes of it. */
export const certificateKinds: readonly CertificateKind[] = [
  { kind: "rsa-2048", code: undefined },
  { kind: "rsa-4096", code: undefined },
  { kind: "p-256", code: undefined },
  { kind: "p-384", code: undefined },
  { kind: "ed25519", code: undefined },
  { kind: "ca-issued", code: undefined },
  { kind: "chain-of-three", code: undefined },
  { kind: "no-xmpp-address", code: undefined },
  { kind: "expired", code: "certificate-expired" },
  { kind: "not-yet-valid", code: "certificate-not-yet-valid" },
  { kind: "wrong-address", code: "address-mismatch" },
  { kind: "weak-key", code: "key-unacceptable" },
  // Signed by its own key in SHA-1. That signature proves nothing to anybody, whatever its hash: trust hangs on the key (RFC 8446 §4.4.2.4 speaks of those that need validating).
  { kind: "weak-hash", code: undefined },
];

const keyArguments: Readonly<Record<string, readonly string[]>> = {
  "rsa-2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  "rsa-4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
  "weak-key": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
  "p-384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  ed25519: ["-algorithm", "ED25519"],
};
const p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

export interface CertificateFiles {
  /** PEM, the peer's own first, then whoever issued it, up to but without the root. */
  readonly certificate: string;
  readonly key: string;
}

/** Makes a certificate of that kind with openssl, for a bare address. */
export async function makeCertificate(kind: string, { address, folder }: { readonly address: string; readonly folder: string }): Promise<CertificateFiles> {
  const here = join(folder, kind);
  await mkdir(here, { recursive: true });
  const at = (name: string) => join(here, name);
  const openssl = async (...args: string[]) => (await exec("openssl", args, { cwd: here })).stdout;
  const named = kind === "wrong-address" ? "tybalt@capulet.lit" : address;
  const names = kind === "no-xmpp-address" ? "" : `subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:${named}\n`;
  await writeFile(at("leaf.ext"), `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n${names}`);
  await writeFile(at("ca.ext"), "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n");
  const request = async (name: string, subject: string, key: readonly string[] = p256) => {
    await openssl("genpkey", ...key, "-out", at(`${name}.key`));
    await openssl("req", "-new", "-key", at(`${name}.key`), "-subj", `/CN=${subject}`, "-out", at(`${name}.csr`));
  };
  const sign = async (name: string, extensions: string, issuer: string, ...more: string[]) => {
    const by = issuer === name ? ["-signkey", at(`${name}.key`)] : ["-CA", at(`${issuer}.pem`), "-CAkey", at(`${issuer}.key`), "-CAcreateserial"];
    await openssl(
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      ...by,
      "-extfile",
      at(extensions),
      "-out",
      at(`${name}.pem`),
      ...(more.includes("-days") ? [] : ["-days", "30"]),
      ...more,
    );
  };
  await request("leaf", address.replace("@", " at "), keyArguments[kind]);
  const chain = kind === "ca-issued" ? ["root"] : kind === "chain-of-three" ? ["intermediate", "root"] : [];
  for (const authority of [...chain].reverse()) {
    await request(authority, authority);
    await sign(authority, "ca.ext", authority === "root" ? "root" : "root");
  }
  const hash = kind === "weak-hash" ? ["-sha1"] : [];
  if (kind === "expired" || kind === "not-yet-valid") await dated(kind, { at, openssl });
  else await sign("leaf", "leaf.ext", chain[0] ?? "leaf", ...hash);
  const { readFile } = await import("node:fs/promises");
  const parts = await Promise.all(["leaf", ...chain.filter((name) => name !== "root")].map(async (name) => await readFile(at(`${name}.pem`), "utf8")));
  await writeFile(at("chain.pem"), parts.join(""));
  return { certificate: at("chain.pem"), key: at("leaf.key") };
}

/** `openssl x509` of Debian 12 only counts days from now: `openssl ca` takes dates. */
async function dated(
  kind: "expired" | "not-yet-valid",
  { at, openssl }: { readonly at: (name: string) => string; readonly openssl: (...args: string[]) => Promise<string> },
): Promise<void> {
  await writeFile(
    at("ca.cnf"),
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${at("index.txt")}\nserial=${at("serial")}\nnew_certs_dir=${at(".")}\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n`,
  );
  await writeFile(at("index.txt"), "");
  await writeFile(at("serial"), "01\n");
  const day = 24 * 60 * 60 * 1000;
  const from = new Date(Date.now() + (kind === "expired" ? -20 : 10) * day);
  const until = new Date(from.getTime() + 10 * day);
  const asn1 = (date: Date) => `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  const common = ["-config", at("ca.cnf"), "-batch", "-notext", "-selfsign", "-keyfile", at("leaf.key"), "-in", at("leaf.csr"), "-extfile", at("leaf.ext")];
  await openssl("ca", ...common, "-startdate", asn1(from), "-enddate", asn1(until), "-out", at("leaf.pem"));
}
