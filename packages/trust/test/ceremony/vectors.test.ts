import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { tlsContext } from "../../src/ceremony/context.js";
import { hashFields } from "../../src/ceremony/fields.js";
import { shortString } from "../../src/ceremony/machine.js";
import { sasSymbols } from "../../src/ceremony/symbols.js";
import { juliet, romeo } from "../addresses.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const counting = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (first + index) % 256);

/** The inputs of the vector in docs/xep-e2e-verification.md, and what follows from them, as it stands there. */
function vector(): string {
  const certificates = { initiator: new TextEncoder().encode("certificate of the initiator"), responder: new TextEncoder().encode("certificate of the responder") };
  const ekm = counting(32, 0);
  const id = counting(32, 32);
  const [nonceI, nonceR] = [counting(32, 64), counting(32, 96)];
  const ctx = tlsContext({ initiator: { address: romeo, certificate: certificates.initiator }, responder: { address: juliet, certificate: certificates.responder } });
  const commitment = hashFields("balcony-commit-1", ctx, id, nonceI);
  const sas = shortString({ ctx, ekm }, { commitment, id, nonceI, nonceR });
  const { emoji, numbers } = sasSymbols(sas);
  return [
    `H("a", "bc")  = ${hex(hashFields("a", "bc"))}`,
    `initiator     = ${romeo}`,
    `responder     = ${juliet}`,
    `DER of I      = the ASCII of "certificate of the initiator"`,
    `DER of R      = the ASCII of "certificate of the responder"`,
    `ctx           = ${hex(ctx)}`,
    `ekm           = ${hex(ekm)}`,
    `cid           = ${hex(id)}`,
    `nI            = ${hex(nonceI)}`,
    `nR            = ${hex(nonceR)}`,
    `C             = ${hex(commitment)}`,
    `SAS           = ${sas} (${sas.toString(2).padStart(30, "0")})`,
    `numbers       = ${numbers.join(" ")}`,
    `emoji         = ${emoji.map(({ name }) => name).join(", ")}`,
  ].join("\n");
}

it("the specification's test vector is what the code computes", async () => {
  const specification = await readFile(new URL("../../../../docs/xep-e2e-verification.md", import.meta.url), "utf8");
  expect(specification).toContain(vector());
});

it("the specification's table of emoji is the code's", async () => {
  const specification = await readFile(new URL("../../../../docs/xep-e2e-verification.md", import.meta.url), "utf8");
  const table = Array.from({ length: 64 }, (_, index) => sasSymbols(index * 2 ** 24).emoji[0]).map((entry, index) => `${index} ${entry?.symbol} ${entry?.name}`);
  expect(specification).toContain(table.join(" · "));
  expect(new Set(table.map((entry) => entry.split(" ")[1])).size).toBe(64);
});

it("both forms say the same 30 bits", () => {
  expect(sasSymbols(0)).toMatchObject({ numbers: ["1000", "1000", "1000"] });
  expect(sasSymbols(2 ** 30 - 1)).toMatchObject({ numbers: ["2023", "2023", "2023"] });
  expect(sasSymbols(2 ** 30 - 1).emoji.map(({ name }) => name)).toEqual(["pin", "pin", "pin", "pin", "pin"]);
  expect(sasSymbols(1)).toMatchObject({ numbers: ["1000", "1000", "1001"] });
  expect(sasSymbols(1).emoji[4]?.name).toBe("cat");
});
