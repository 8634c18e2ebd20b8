import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { createIdentity, exportIdentity, type IdentityOptions } from "@balcony/tls";

/** A certificate and its key, in PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 of the DER, in lower-case hex. */
  readonly fingerprint: string;
}

const exec = promisify(execFile);
const DAY = 24 * 60 * 60 * 1000;
const made = new Map<string, Promise<Credentials>>();

/** The tester's certificate, made once for each address and breach. */
export function credentialsFor(address: string, breach: string | undefined): Promise<Credentials> {
  const kind = breach?.startsWith("certificate-") ? breach : "good";
  const key = `${kind} ${address}`;
  const known = made.get(key) ?? make(address, kind);
  made.set(key, known);
  return known;
}

async function make(address: string, kind: string): Promise<Credentials> {
  switch (kind) {
    case "certificate-other-address":
      return own("tybalt@capulet.lit");
    case "certificate-expired":
      return own(address, { now: new Date(Date.now() - 30 * DAY), validityDays: 10 });
    case "certificate-not-yet-valid":
      return own(address, { now: new Date(Date.now() + 10 * DAY) });
    case "certificate-rsa-1024":
      return await byOpenssl(address, ["rsa:1024"], []);
    case "certificate-unknown-critical-extension":
      return await byOpenssl(address, p256, ["1.3.6.1.4.1.55555.1=critical,ASN1:NULL"]);
    case "certificate-not-for-tls":
      return await byOpenssl(address, p256, ["extendedKeyUsage=critical,codeSigning"]);
    default:
      return own(address);
  }
}

const p256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

function own(address: string, options: IdentityOptions = {}): Credentials {
  const { certificate, privateKey } = exportIdentity(createIdentity(address, options));
  return { certificate, key: privateKey, fingerprint: fingerprintOf(certificate) };
}

async function byOpenssl(address: string, kind: readonly string[], extensions: readonly string[]): Promise<Credentials> {
  const names = [`subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:${address}`, "basicConstraints=critical,CA:FALSE", ...extensions];
  const args = ["req", "-x509", "-newkey", ...kind, "-nodes", "-days", "30", "-subj", "/CN=interop", "-keyout", "-", "-out", "-", ...names.flatMap((name) => ["-addext", name])];
  const { stdout } = await exec("openssl", args);
  const [certificate] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/.exec(stdout) ?? [];
  const [key] = /-----BEGIN (?:\w+ )?PRIVATE KEY-----[\s\S]*?-----END (?:\w+ )?PRIVATE KEY-----\n/.exec(stdout) ?? [];
  if (certificate === undefined || key === undefined) throw new Error("openssl made no certificate");
  return { certificate, key, fingerprint: fingerprintOf(certificate) };
}

const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
