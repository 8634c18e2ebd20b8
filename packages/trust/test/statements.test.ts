import { describe, expect, it } from "vitest";
import { type Arrival, checkStatement, STATEMENT_LIFE, type Statement, statementBytes } from "../src/index.js";
import { benvolio, juliet, key, romeo } from "./addresses.js";

const now = Date.parse("2026-01-10T12:00:00.000Z");
const HOUR = 3_600_000;
const dated = (age: number): string => new Date(now - age).toISOString();

const base: Statement = { kind: "vouch", owner: romeo, subject: key(2), signer: romeo, by: key(1), audience: juliet, at: dated(0) };
const overChannel: Arrival = { account: juliet, signedBy: key(1), now, channel: { peer: romeo, spki: key(1) } };
const { channel: _, ...byHand } = overChannel;
const { audience: __, ...forAnybody } = base;

const verdict = (statement: Statement, arrival: Arrival): string => {
  try {
    checkStatement(statement, arrival);
    return "heeded";
  } catch (error) {
    return (error as { code: string; message: string }).code === "statement-invalid" ? (error as Error).message.replace(/^[^:]*: /u, "") : String(error);
  }
};

describe("a statement about a key is not taken", () => {
  // The rows of checkStatement()'s table, each with what comes nearest to being right.
  it.each<[row: string, statement: Statement, arrival: Arrival, why: string]>([
    ["1: whose subject is no key", { ...base, subject: "AB".repeat(32) }, overChannel, "keys or a date that are none"],
    ["1: whose signer is no key", { ...base, by: "" }, { ...overChannel, signedBy: "" }, "keys or a date that are none"],
    ["1: that is dated by words", { ...base, at: "yesterday" }, overChannel, "keys or a date that are none"],
    ["1: that is dated in a month that is none", { ...base, at: "2026-13-01T00:00:00.000Z" }, overChannel, "keys or a date that are none"],
    ["1: that is dated on a day that is none", { ...base, at: "2026-02-30T00:00:00.000Z" }, overChannel, "keys or a date that are none"],
    ["1: that is dated in another form", { ...base, at: "2026-01-10T12:00:00Z" }, overChannel, "keys or a date that are none"],
    ["1: that has something before its date", { ...base, at: ` ${dated(0)}` }, overChannel, "keys or a date that are none"],
    ["1: that has something behind its date", { ...base, at: `${dated(0)}Z` }, overChannel, "keys or a date that are none"],
    ["2: that another key has signed", base, { ...overChannel, signedBy: key(3) }, "another key has signed it"],
    ["3: that is for somebody else", { ...base, audience: benvolio }, overChannel, "it is for somebody else"],
    ["3: that is for somebody else, by hand", { ...base, audience: benvolio }, byHand, "it is for somebody else"],
    ["4: of more than a day ahead", { ...base, at: dated(-24 * HOUR - 1) }, overChannel, "dated in the future"],
    ["4: of more than a day ahead, by hand", { ...base, at: dated(-24 * HOUR - 1) }, byHand, "dated in the future"],
    ["5: that vouches for its signer", { ...base, subject: key(1) }, overChannel, "cannot speak for itself"],
    ["5: that replaces a key by itself", { ...base, kind: "rotate", subject: key(1) }, overChannel, "cannot speak for itself"],
    ["6: of a stranger about a third", { ...base, signer: benvolio }, { ...overChannel, channel: { peer: benvolio, spki: key(1) } }, "has no say on keys of"],
    ["6: of a peer about us", { ...base, owner: juliet }, overChannel, "has no say on keys of"],
    [
      "7: of our own about another's replacement",
      { ...base, signer: juliet, kind: "rotate" },
      { ...overChannel, channel: { peer: juliet, spki: key(1) } },
      "replaces another's key",
    ],
    ["8: that came from another address", base, { ...overChannel, channel: { peer: benvolio, spki: key(1) } }, "somebody else has sent it"],
    ["8: that came from another key of the same", base, { ...overChannel, channel: { peer: romeo, spki: key(2) } }, "somebody else has sent it"],
    ["9: that came over a channel and is for anybody", forAnybody, overChannel, "for another occasion"],
    ["9: that came over a channel and is old", { ...base, at: dated(24 * HOUR + 1) }, overChannel, "for another occasion"],
    ["9: that came over a channel, revokes and is old", { ...base, kind: "revoke", at: dated(24 * HOUR + 1) }, overChannel, "for another occasion"],
    ["10: of a week ago, by hand", { ...forAnybody, at: dated(STATEMENT_LIFE + 1) }, byHand, "older than a week"],
    ["10: of a week ago that rotates, by hand", { ...forAnybody, kind: "rotate", at: dated(STATEMENT_LIFE + 1) }, byHand, "older than a week"],
  ])("%s", (_row, statement, arrival, why) => {
    expect(verdict(statement, arrival)).toContain(why);
  });
});

describe("a statement about a key is taken", () => {
  it.each<[what: string, statement: Statement, arrival: Arrival]>([
    ["over the signer's own channel", base, overChannel],
    ["over it, dated a day back", { ...base, at: dated(24 * HOUR) }, overChannel],
    ["over it, dated a day ahead", { ...base, at: dated(-24 * HOUR) }, overChannel],
    ["that rotates", { ...base, kind: "rotate" }, overChannel],
    ["that revokes its own signer", { ...base, kind: "revoke", subject: key(1) }, overChannel],
    ["of our own other device about a contact's key", { ...base, signer: juliet }, { ...overChannel, channel: { peer: juliet, spki: key(1) } }],
    ["of our own other device about a third of ours", { ...base, owner: juliet, signer: juliet }, { ...overChannel, channel: { peer: juliet, spki: key(1) } }],
    ["that is handed in, for anybody", forAnybody, byHand],
    ["that is handed in, for us, a week old", { ...base, at: dated(STATEMENT_LIFE) }, byHand],
    ["that is handed in, revokes, and is years old", { ...forAnybody, kind: "revoke", at: "2020-01-01T00:00:00.000Z" }, byHand],
  ])("%s", (_what, statement, arrival) => {
    expect(verdict(statement, arrival)).toBe("heeded");
  });

  it("for a week, and says what to do where it is older", () => {
    expect(STATEMENT_LIFE).toBe(604_800_000);
    expect(() => checkStatement({ ...forAnybody, at: dated(STATEMENT_LIFE + 1) }, byHand)).toThrow(
      expect.objectContaining({ code: "statement-invalid", phase: "trust", hint: "Have it made anew." }),
    );
  });
});

describe("what is signed", () => {
  const hex = (statement: Statement): string => Buffer.from(statementBytes(statement)).toString("hex");

  it("is another with each field, and with a field moved into the next", () => {
    const others: readonly Statement[] = [
      base,
      { ...base, kind: "rotate" },
      { ...base, kind: "revoke" },
      { ...base, signer: benvolio },
      { ...base, by: key(3) },
      { ...base, owner: benvolio },
      { ...base, subject: key(3) },
      { ...base, audience: benvolio },
      forAnybody,
      { ...base, at: dated(1) },
      { ...base, audience: `${juliet}2`, at: base.at.slice(1) },
    ];
    expect(new Set(others.map(hex)).size).toBe(others.length);
  });

  it("is SHA-256 over its fields, each behind its length", () => {
    const statement: Statement = { ...base, at: "2026-01-01T00:00:00.000Z" };
    expect(hex(statement)).toBe("06c4ac1162e8036f3e6a77c3b8583f166b7ae204ae50f082714360a228b891a9");
  });
});
