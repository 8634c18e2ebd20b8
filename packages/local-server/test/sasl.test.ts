import { createHmac, pbkdf2Sync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Accounts } from "../src/accounts.js";
import { beginSasl, mechanismNames, type SaslStep } from "../src/sasl.js";

const accounts = new Accounts(new Map([["user@example.org", "pencil"]]), 4096);
const context = { accounts, domain: "example.org", nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF" };

function begin(mechanism: string, message: string): SaslStep {
  const exchange = beginSasl(mechanism, context);
  if (!exchange) throw new Error(`no ${mechanism}`);
  return exchange(message);
}

/** The client's side of RFC 5802 §3, written apart from the server's. */
function clientFinal(
  hash: "sha1" | "sha256",
  clientFirstBare: string,
  serverFirst: string,
  password: string,
  change: { binding?: string; nonce?: string } = {},
): { final: string; serverSignature: string } {
  const [, nonce = "", salt = "", iterations = ""] = /^r=(.*),s=(.*),i=(.*)$/.exec(serverFirst) ?? [];
  const mac = (key: Buffer | string, text: string) => createHmac(hash, key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), hash === "sha1" ? 20 : 32, hash);
  const clientKey = mac(salted, "Client Key");
  const storedKey = Buffer.from(new Uint8Array(accounts.scramKeys("user@example.org", hash).storedKey));
  const withoutProof = `c=${change.binding ?? "biws"},r=${change.nonce ?? nonce}`;
  const message = `${clientFirstBare},${serverFirst},${withoutProof}`;
  const signature = mac(storedKey, message);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
  return { final: `${withoutProof},p=${proof.toString("base64")}`, serverSignature: mac(mac(salted, "Server Key"), message).toString("base64") };
}

describe.each([
  ["SCRAM-SHA-1", "sha1"],
  ["SCRAM-SHA-256", "sha256"],
] as const)("%s", (mechanism, hash) => {
  const first = "n=user,r=fyko+d2lbbFgONRv9qkxdawL";
  function challenge(): { serverFirst: string; answer: (message: string) => SaslStep } {
    const step = begin(mechanism, `n,,${first}`);
    if (step.is !== "challenge") throw new Error(step.is);
    return { serverFirst: step.data, answer: step.next };
  }

  it("lets in who knows the password, and proves that the server knows it too", () => {
    const { serverFirst, answer } = challenge();
    expect(serverFirst).toMatch(/^r=fyko\+d2lbbFgONRv9qkxdawL%hvYDpWUa2RaTCAfuxFIlj\)hNlF,s=[^,]+,i=4096$/);
    const { final, serverSignature } = clientFinal(hash, first, serverFirst, "pencil");
    expect(answer(final)).toEqual({ is: "success", data: `v=${serverSignature}`, account: "user@example.org" });
  });

  it.each([
    ["a wrong password", {}, "pen"],
    ["another channel binding than announced", { binding: "eSws" }, "pencil"],
    ["another nonce", { nonce: "fyko+d2lbbFgONRv9qkxdawL" }, "pencil"],
  ])("refuses %s", (_name, change, password) => {
    const { serverFirst, answer } = challenge();
    expect(answer(clientFinal(hash, first, serverFirst, password, change).final)).toEqual({ is: "failure", condition: "not-authorized" });
  });

  it("does not tell an account that does not exist from one that does, before the end", () => {
    const salts = [begin(mechanism, "n,,n=nobody,r=abc"), begin(mechanism, "n,,n=nobody,r=abc"), begin(mechanism, "n,,n=user,r=abc")].map((step) =>
      step.is === "challenge" ? /s=([^,]+)/.exec(step.data)?.[1] : step.is,
    );
    expect(salts[0]).toBe(salts[1]);
    expect(salts[0]).toHaveLength(salts[2]?.length ?? 0);
  });

  it.each([
    ["no GS2 header", "n=user,r=abc", "malformed-request"],
    ["channel binding, which is not offered", "p=tls-exporter,,n=user,r=abc", "malformed-request"],
    ["an extension that must be understood", "n,,m=x,n=user,r=abc", "malformed-request"],
    ["no user name", "n,,n=,r=abc", "malformed-request"],
    ["an escape that is none", "n,,n=us=er,r=abc", "malformed-request"],
    ["somebody else's identity", "n,a=juliet@example.org,n=user,r=abc", "invalid-authzid"],
    ["a user name that is no local part", "n,,n=us@er,r=abc", "not-authorized"],
  ])("refuses %s", (_name, message, condition) => {
    expect(begin(mechanism, message)).toEqual({ is: "failure", condition });
  });

  it.each([["nothing"], ["c=biws"], ["c=biws,r=x"], ["p=AAAA"], [""]])("refuses %j as the last message", (message) => {
    expect(challenge().answer(message)).toEqual({ is: "failure", condition: "malformed-request" });
  });

  it("refuses a proof of another length", () => {
    const { serverFirst, answer } = challenge();
    const nonce = /^r=([^,]+)/.exec(serverFirst)?.[1];
    expect(answer(`c=biws,r=${nonce},p=AAAA`)).toEqual({ is: "failure", condition: "not-authorized" });
  });

  it("reads escaped user names and an identity of one's own", () => {
    expect(begin(mechanism, "n,a=ro=2Cm=3Deo@example.org,n=ro=2Cm=3Deo,r=abc").is).toBe("challenge");
  });
});

describe("PLAIN", () => {
  it.each([
    ["\0user\0pencil", { is: "success", data: undefined, account: "user@example.org" }],
    ["user@example.org\0user\0pencil", { is: "success", data: undefined, account: "user@example.org" }],
    ["\0USER\0pencil", { is: "success", data: undefined, account: "user@example.org" }],
    ["\0user\0pencils", { is: "failure", condition: "not-authorized" }],
    ["\0nobody\0pencil", { is: "failure", condition: "not-authorized" }],
    ["\0user\0", { is: "failure", condition: "malformed-request" }],
    ["\0\0pencil", { is: "failure", condition: "malformed-request" }],
    ["user\0pencil", { is: "failure", condition: "malformed-request" }],
    ["@@\0user\0pencil", { is: "failure", condition: "invalid-authzid" }],
  ])("%j", (message, expected) => {
    expect(begin("PLAIN", message)).toEqual(expected);
  });
});

it("offers the strongest first, and knows no other", () => {
  expect(mechanismNames).toEqual(["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
  for (const name of ["", "plain", "toString", "__proto__", "SCRAM-SHA-1-PLUS"]) expect(beginSasl(name, context)).toBeUndefined();
});
