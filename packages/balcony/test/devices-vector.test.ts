import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createIdentity } from "@balcony/tls";
import { statementBytes } from "@balcony/trust";
import { expect, it } from "vitest";
import { signerOf, signStatement } from "../src/devices/introductions.js";

it("the specification's test vector is what the code computes", async () => {
  const seed = Uint8Array.from({ length: 32 }, (_, index) => index);
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]); // RFC 8410 §7
  const identity = createIdentity("romeo@montague.lit", { privateKey: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) });
  const subject = "2".padStart(64, "0");
  const signed = signStatement(identity, { kind: "vouch", owner: "romeo@montague.lit", subject, audience: "juliet@capulet.lit" }, Date.parse("2026-01-01T00:00:00.000Z"));
  const { statement } = signed;
  expect(signerOf(signed)).toBe(identity.spki);
  expect(await readFile(new URL("../../../docs/xep-e2e-devices.md", import.meta.url), "utf8")).toContain(
    [
      `private key   = Ed25519 (RFC 8032), seed ${Buffer.from(seed).toString("hex")}`,
      `key           = ${Buffer.from(signed.key).toString("base64")}`,
      `by            = ${statement.by}`,
      `kind          = ${statement.kind}`,
      `signer, owner = ${statement.signer}`,
      `subject       = ${statement.subject}`,
      `audience      = ${statement.audience}`,
      `at            = ${statement.at}`,
      `bytes         = ${Buffer.from(statementBytes(statement)).toString("hex")}`,
      `signature     = ${Buffer.from(signed.signature).toString("base64")}`,
    ].join("\n"),
  );
});
