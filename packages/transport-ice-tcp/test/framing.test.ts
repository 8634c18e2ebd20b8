import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataFrames, FrameReader, stunFrame } from "../src/framing.js";
import { writeQuestion } from "../src/stun.js";

const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc.constant(new Uint8Array(writeQuestion().bytes)), // data that is a STUN message to the last bit
  fc.nat({ max: 200_000 }).map((length) => new Uint8Array(length + 1).fill(7)),
);

describe("frames", () => {
  it("carry whatever is written, with STUN in between, cut anywhere", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), fc.infiniteStream(fc.integer({ min: 1, max: 5000 })), (chunks, cuts) => {
        const question = writeQuestion().bytes;
        const written = Buffer.concat(chunks.flatMap((chunk) => [...dataFrames([Buffer.from(chunk)]), stunFrame(question)]));
        const data: Buffer[] = [];
        let questions = 0;
        const reader = new FrameReader({
          data: (piece) => data.push(piece),
          stun: (message) => {
            expect(message.equals(question)).toBe(true);
            questions++;
          },
        });
        for (let at = 0; at < written.length; ) {
          const cut = cuts.next().value as number;
          reader.take(written.subarray(at, at + cut));
          at += cut;
        }
        expect(Buffer.concat(data).equals(Buffer.concat(chunks))).toBe(true);
        expect(questions).toBe(chunks.length);
        expect(reader.within).toBe(false);
      }),
    );
  });

  it("of no bytes are skipped", () => {
    const data: Buffer[] = [];
    new FrameReader({ data: (piece) => data.push(piece), stun: () => undefined }).take(Buffer.from([0, 0, 0, 0, 0, 1, 60]));
    expect(data).toEqual([Buffer.from([60])]);
  });
});
