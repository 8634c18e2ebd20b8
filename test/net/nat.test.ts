import { readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { grade, grades, type Measurement, measure } from "./measure.js";
import { pairs } from "./pairs.js";
import { withTable } from "./table.js";

const record = new URL("measured.json", import.meta.url);
const document = new URL("../../docs/nat.md", import.meta.url);

const writing = process.env.BALCONY_NET === "write";

const rank = (one: Measurement | undefined): number => (one ? grades.indexOf(grade(one)) : 0);

/**
 * What is nothing cannot become worse. Which of its candidates werift nominates is a race, in which a relay may win against a direct path: the column of WebRTC alone is told, and what a user
 * gets is held to.
 */
const isHeld = (one: Measurement | undefined): boolean => one === undefined || (one.choice !== "webrtc" && rank(one) > 0);

describe("the NAT lab", () => {
  let before: readonly Measurement[];
  let now: readonly Measurement[];

  beforeAll(async () => {
    before = JSON.parse(await readFile(record, "utf8")) as Measurement[];
    now = await measure(pairs, {
      wanted: (pair, choice) => writing || isHeld(before.find((one) => one.pair === pair.title && one.choice === choice)),
      tell: (measurement, outcome) => {
        if (process.env.BALCONY_NET_VERBOSE) process.stderr.write(`${JSON.stringify({ ...measurement, outcome })}\n`);
      },
    });
    if (!writing) return;
    await writeFile(record, `[\n${now.map((one) => `  ${JSON.stringify(one)}`).join(",\n")}\n]\n`);
    await writeFile(document, withTable(await readFile(document, "utf8"), now));
    before = now;
  }, 600_000);

  it("ends with a stream between every two hosts", () => {
    expect(now.filter(({ choice, path }) => (choice === "all" || choice === "ibb") && path === undefined)).toEqual([]);
  });

  it("is direct between any two whose NATs allow it at all", () => {
    const relayed = pairs.flatMap(({ title, possible }) => {
      const is = now.find(({ pair, choice }) => pair === title && choice === "all");
      return possible.length > 0 && (!is || grade(is) !== "direct") ? [is ?? title] : [];
    });
    expect(relayed).toEqual([]);
  });

  it("is no worse between any two than the table of docs/nat.md", () => {
    const worse = before.filter(isHeld).flatMap((was) => {
      const is = now.find(({ pair, choice }) => pair === was.pair && choice === was.choice);
      return rank(is) < rank(was) ? [{ was, is }] : [];
    });
    expect(worse).toEqual([]);
  });
});
