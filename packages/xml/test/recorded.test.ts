// Sessions of other implementations, as their libraries wrote them: kaa.xmpp (2009) with STARTTLS (kaa2m) and XTLS (kaam), its namespaces set to today's, each log as one side had it;
// Gajim 1.7.3 offering a file, Gajim 1.0.3 in an ESession. A stanza a line.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseElement } from "../src/index.js";
import { header, readChunks } from "./stream-runs.js";

const folder = new URL("./recorded/", import.meta.url);
const stream = (...stanzas: readonly string[]): Buffer => Buffer.from(`${header}${stanzas.join("\n")}</stream:stream>`);

describe.each(readdirSync(folder))("%s", (file) => {
  const stanzas = readFileSync(new URL(file, folder), "utf8").split("\n").filter(Boolean);

  it("is read as a whole, and byte by byte, and what is read says the same when it is written", () => {
    const bytes = stream(...stanzas);
    const whole = readChunks([bytes]);
    expect(whole.code).toBe("accepted");
    expect(whole.elements).toHaveLength(stanzas.length);
    expect(readChunks([...bytes].map((byte) => Uint8Array.of(byte))).told).toEqual(whole.told);
    for (const element of whole.elements) expect(parseElement(element.toString()).toString()).toBe(element.toString());
  });

  it("is read stanza by stanza, cut at every byte", () => {
    for (const stanza of new Set(stanzas)) {
      const bytes = stream(stanza);
      const whole = readChunks([bytes]).told.join("\n");
      for (let cut = 1; cut < bytes.length; cut++) {
        const told = readChunks([bytes.subarray(0, cut), bytes.subarray(cut)]).told.join("\n");
        if (told !== whole) expect(`cut at ${cut}: ${told}`).toBe(whole);
      }
    }
  });
});
