import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStatementUri, type SignedStatement, statementUri } from "../src/index.js";
import { juliet, key, romeo } from "./addresses.js";

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const normalize = (address: string): string => {
  if (address === "@") throw new Error("no address");
  return address.toLowerCase();
};
const read = (text: string): SignedStatement => parseStatementUri(text, { hash, normalize });

const der = new Uint8Array(91).fill(7);
const signed: SignedStatement = {
  statement: { kind: "vouch", owner: romeo, subject: key(2), signer: romeo, by: hash(der), at: "2026-01-01T00:00:00.000Z" },
  key: der,
  signature: new Uint8Array(64).fill(255),
};
const uri = statementUri(signed);

const caught = (work: () => unknown): { code: string; phase: string; message: string } => {
  try {
    work();
  } catch (error) {
    return error as { code: string; phase: string; message: string };
  }
  throw new Error("It was taken.");
};

describe("a statement as a URI", () => {
  it("is a Trust Message URI of XEP-0434, with what proves it behind", () => {
    expect(uri).toBe(
      `xmpp:romeo@montague.lit?trust-message;encryption=urn:xmpp:jingle:apps:xmlstream:0;trust=${key(2)};signer=romeo%40montague.lit;at=2026-01-01T00:00:00.000Z;key=${Buffer.from(der).toString("base64url")};signature=${Buffer.from(signed.signature).toString("base64url")}`,
    );
    expect(uri.length).toBeLessThan(500); // what a QR code carries in a terminal of 80 columns
  });

  it.each<[string, Partial<SignedStatement["statement"]>, string]>([
    ["vouches", {}, `trust=${key(2)};`],
    ["rotates", { kind: "rotate" }, `trust=${key(2)};distrust=${hash(der)};`],
    ["revokes", { kind: "revoke" }, `0;distrust=${key(2)};`],
    ["revokes its signer's", { kind: "revoke", subject: hash(der) }, `distrust=${hash(der)};`],
    ["is for somebody", { audience: juliet }, ";for=juliet%40capulet.lit;"],
    ["is about another's", { owner: "nurse;?&#/@capulet.lit" }, "xmpp:nurse%3B%3F%26%23%2F@capulet.lit?"],
  ])("that %s is read as it was written", (_, change, part) => {
    const one: SignedStatement = { ...signed, statement: { ...signed.statement, ...change } };
    expect(statementUri(one)).toContain(part);
    if (change.owner === undefined) expect(read(statementUri(one))).toEqual(one);
    else expect(caught(() => read(statementUri(one))).code).toBe("invalid-jid"); // such an address has a slash in it
  });

  it("is read from a mail that has broken and indented it", () => {
    expect(read(`\n  ${uri.replace(/.{60}/gu, "$&\r\n\t")}\n`)).toEqual(signed);
    expect(read(uri.replace("xmpp:", "XMPP:"))).toEqual(signed);
  });
});

describe("what is no statement is refused", () => {
  it.each<[what: string, text: string, why: string, code?: string]>([
    ["nothing", "", "no trust-message"],
    ["something before it", `see ${uri}`, "no trust-message"],
    ["another scheme", uri.replace("xmpp:", "http:"), "no trust-message"],
    ["another query", uri.replace("trust-message", "message"), "no trust-message"],
    ["a fingerprint's", `xmpp:romeo@montague.lit?balcony-fingerprint;spki=${key(1)}`, "no trust-message"],
    ["no address", uri.replace("romeo@montague.lit?", "?"), "no trust-message"],
    ["a fragment", `${uri}#x`, "no trust-message"],
    ["4,097 characters", uri.padEnd(4097, "A"), "4097 characters"],
    ["the keys of OMEMO", uri.replace("urn:xmpp:jingle:apps:xmlstream:0", "urn:xmpp:omemo:2"), "another protocol"],
    ["its protocol not first", uri.replace(/;encryption=[^;]*/u, "").concat(";encryption=urn:xmpp:jingle:apps:xmlstream:0"), "another protocol"],
    ["no protocol", uri.replace(/;encryption=[^;]*/u, ""), "another protocol"],
    ["two keys", uri.replace(";signer", `;trust=${key(3)};signer`), "more than one trust"],
    ["two signatures", `${uri};signature=AA`, "more than one signature"],
    ["a pair that nobody knows", `${uri};label=laptop`, "nobody knows"],
    ["a pair without a value", `${uri};for`, "nobody knows"],
    ["a short key", uri.replace(key(2), key(2).slice(1)), "not 64 lower-case hex digits"],
    ["a key in capitals", uri.replace(key(2), key(2).toUpperCase().replace(/^../u, "AB")), "not 64 lower-case hex digits"],
    ["a distrust that is no key", uri.replace(";signer", ";distrust=;signer"), "not 64 lower-case hex digits"],
    ["neither trust nor distrust", uri.replace(/;trust=[^;]*/u, ""), "trusts nothing"],
    ["distrust of a third beside trust", uri.replace(";signer", `;distrust=${key(3)};signer`), "not its signer's"],
    ["no key of the signer's", uri.replace(/;key=[^;]*/u, ""), "its key is not in base64url"],
    ["an empty signature", uri.replace(/signature=.*/u, "signature="), "its signature is not in base64url"],
    ["padding", `${uri}==`, "its signature is not in base64url"],
    ["base64 that is not url-safe", uri.replace(/signature=.*/u, "signature=ab+/"), "its signature is not in base64url"],
    ["a signature with bits left over", uri.replace(/signature=.*/u, "signature=AB"), "its signature is not in base64url"],
    ["an owner with a resource", uri.replace("romeo@montague.lit?", "romeo@montague.lit%2Forchard?"), "A bare address is wanted", "invalid-jid"],
    ["an owner that is no address", uri.replace("romeo@montague.lit?", "@?"), "An address in the URI is none", "invalid-jid"],
    ["a signer that is no address", uri.replace("romeo%40montague.lit", "%40"), "An address in the URI is none", "invalid-jid"],
    ["a signer in broken escapes", uri.replace("romeo%40montague.lit", "%E0%A4"), "An address in the URI is none", "invalid-jid"],
    ["somebody that is no address", `${uri};for=%40`, "An address in the URI is none", "invalid-jid"],
  ])("%s", (_, text, why, code = "invalid-argument") => {
    expect(caught(() => read(text))).toMatchObject({ code, phase: "trust", message: expect.stringContaining(why) as string });
  });

  it("by one of our errors, whatever it is", () => {
    const pieces = fc.constantFrom(
      "xmpp:",
      "romeo@montague.lit",
      "?trust-message",
      ";encryption=urn:xmpp:jingle:apps:xmlstream:0",
      `;trust=${key(2)}`,
      ";signer=a%40b",
      ";at=x",
      ";key=AA",
      ";signature=AA",
      "%",
      ";",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: "binary" })), { maxLength: 12 }), (parts) => {
        try {
          expect(read(parts.join("")).statement.subject).toMatch(/^[0-9a-f]{64}$/u);
        } catch (error) {
          expect(["invalid-argument", "invalid-jid"]).toContain((error as { code: string }).code);
        }
      }),
    );
  });
});
