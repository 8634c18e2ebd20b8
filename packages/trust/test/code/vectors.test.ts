import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { tlsContext } from "../../src/ceremony/context.js";
import { hashFields } from "../../src/ceremony/fields.js";
import { codeBytes, spentHash, wordCode } from "../../src/code/code.js";
import { type CpaceInput, generator, multiplied, scalarOf, sessionKey } from "../../src/code/cpace.js";
import { channelIdentifier } from "../../src/code/machine.js";
import type { CodeInHand } from "../../src/code/state.js";
import { juliet, romeo } from "../addresses.js";
import { CodeSide, carry, sentBy } from "./sides.js";

const hex = (bytes: Uint8Array | undefined): string => (bytes ? Buffer.from(bytes).toString("hex") : "none");
const counting = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (first + index) % 256);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The inputs of the vector in docs/xep-e2e-verification.md §10, and what follows from them, as it stands there. Tags come from the machine itself. */
function vector(): string {
  const drawn = [1484, 1022, 302]; // ridge, lemon, 402
  const code = wordCode((bytes) => {
    const value = drawn.shift() ?? 0;
    return Uint8Array.of(value >> 8, value & 255).subarray(0, bytes.length);
  });
  const ctx = tlsContext({
    initiator: { address: romeo, certificate: ascii("certificate of the initiator") },
    responder: { address: juliet, certificate: ascii("certificate of the responder") },
  });
  const ekm = counting(32, 0);
  const [halfI, halfR] = [counting(16, 32), counting(16, 48)];
  const [bytesI, bytesR] = [counting(32, 64), counting(32, 96)];
  const [scalarI, scalarR] = [scalarOf(bytesI) ?? 0n, scalarOf(bytesR) ?? 0n];
  const romeos = new CodeSide({ role: "initiator", self: romeo, peer: juliet, ctx, ekm });
  const juliets = new CodeSide({ role: "responder", self: juliet, peer: romeo, ctx, ekm });
  const waiting: CodeInHand = { code, half: halfR, scalar: scalarR };
  romeos.do({ type: "ask", code, half: halfI, scalar: scalarI });
  for (const message of romeos.take()) juliets.do({ type: "received", message, waiting });
  carry(romeos, juliets);
  expect([romeos.ending, juliets.ending]).toEqual(["verified", "verified"]);
  const [share, answer, { tag }] = [sentBy(romeos, "code-share").share, sentBy(juliets, "code-answer"), sentBy(romeos, "code-tag")];
  const sid = hashFields("balcony-cpace-sid-1", halfI, halfR);
  const input: CpaceInput = { secret: codeBytes(code), channel: channelIdentifier({ ctx, ekm }), sid };
  const point = multiplied(scalarI, answer.share);
  const key = point && sessionKey({ sid, point, a: { share, data: ascii("I") }, b: { share: answer.share, data: ascii("R") } });
  return [
    `code    = ${code.text}`,
    `spent   = ${spentHash(code)}`,
    `CI      = ${hex(input.channel)}`,
    `sid     = ${hex(sid)}`,
    `g       = ${hex(generator(input).toBytes())}`,
    `yI      = ${hex(bytesI)} (its bits above the 252nd cleared)`,
    `yR      = ${hex(bytesR)} (likewise)`,
    `YI      = ${hex(share)}`,
    `YR      = ${hex(answer.share)}`,
    `K       = ${hex(point)}`,
    `ISK     = ${hex(key)}`,
    `TR      = ${hex(answer.tag)}`,
    `TI      = ${hex(tag)}`,
  ].join("\n");
}

it("the specification's test vector of codes is what the machine computes", async () => {
  const specification = await readFile(new URL("../../../../docs/xep-e2e-verification.md", import.meta.url), "utf8");
  expect(specification).toContain(vector());
});
