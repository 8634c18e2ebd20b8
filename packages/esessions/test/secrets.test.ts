import { memoryStanzaNetwork } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { type ESessionsOptions, memorySecrets, type SecretStore } from "../src/index.js";
import { ALICE, BOB, type Side, side } from "./pair.js";

const secret = (text: string): Uint8Array => Buffer.from(text);
const on14 = { groups: [14] };

function sides(alice: Partial<ESessionsOptions>, bob: Partial<ESessionsOptions>) {
  const network = memoryStanzaNetwork({ report: () => undefined });
  return { network, alice: side(network, ALICE, { parameters: on14, ...alice }), bob: side(network, BOB, { parameters: on14, ...bob }) };
}

/** A session, and what each side says of the retained secret. */
async function retained({ alice, bob }: { readonly alice: Side; readonly bob: Side }): Promise<readonly string[]> {
  const [a, b] = await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
  a.deliver();
  b.deliver();
  await a.close();
  return [a.security.retained, b.security.retained];
}

describe("a secret that was agreed on outside (XEP-0116, OSS)", () => {
  const of = (text: string) => ({ otherSecret: () => secret(text) });

  it("is asked for by the bare address, in both roles, and lets a session come about", async () => {
    const asked: string[] = [];
    const asking = {
      otherSecret: (peer: string) => {
        asked.push(peer);
        return Promise.resolve(secret("the balcony at nine"));
      },
    };
    expect(await retained(sides(asking, asking))).toEqual(["none", "none"]);
    expect(asked.sort()).toEqual(["alice@capulet.lit", "bob@montague.lit"]);
  });

  it("may be given for one session", async () => {
    const { alice, bob } = sides(of("another"), of("the same"));
    await expect(Promise.all([alice.sessions.initiate(BOB, { otherSecret: secret("the same") }), bob.incoming()])).resolves.toHaveLength(2);
  });

  it.each([
    ["differs", of("one"), of("two")],
    ["is Alice's alone", of("one"), {}],
    ["is Bob's alone", {}, of("one")],
  ])("that %s lets none come about, and Bob is told", async (_, hers, his) => {
    const { alice, bob, network } = sides(hers, his);
    const conditions: (string | undefined)[] = [];
    network.tap((stanza) => {
      if (stanza.attrs.type === "error") conditions.push(stanza.getChild("error")?.getChildElements()[0]?.name);
      return stanza;
    });
    const incoming = bob.incoming();
    await expect(alice.sessions.initiate(BOB)).rejects.toMatchObject({ code: "esession-check" });
    const theirs = await incoming;
    theirs.deliver();
    await expect.poll(() => theirs.channel.closed.aborted).toBe(true);
    expect(conditions).toEqual(["feature-not-implemented"]);
  });

  it("and one that is retained go together", async () => {
    const pair = sides(of("the same"), of("the same"));
    expect([await retained(pair), await retained(pair)]).toEqual([
      ["none", "none"],
      ["matched", "matched"],
    ]);
  });
});

describe("a retained secret", () => {
  it("that one side has lost is missing to the other, whoever begins, and the next session has one again", async () => {
    const [hers, his] = [memorySecrets(), memorySecrets()];
    const pair = sides({ secrets: hers }, { secrets: his });
    await retained(pair);
    await hers.change("bob@montague.lit", () => []);
    expect(await retained(pair)).toEqual(["none", "missing"]);
    expect(await retained(pair)).toEqual(["matched", "matched"]);
    await his.change("alice@capulet.lit", () => []);
    expect(await retained(pair)).toEqual(["missing", "none"]);
    expect(await retained(pair)).toEqual(["matched", "matched"]);
  });

  it("that was changed on one side is missing to both", async () => {
    const his = memorySecrets();
    const pair = sides({}, { secrets: his });
    await retained(pair);
    await his.change("alice@capulet.lit", (secrets) => secrets.map(({ current }) => ({ current: Uint8Array.from(current, (octet) => octet ^ 1) })));
    expect(await retained(pair)).toEqual(["missing", "missing"]);
  });

  it.each(["the last form is lost", "Alice crashes before she keeps hers"])("is still shared after this: %s", async (fault) => {
    const hers = memorySecrets();
    let crash = false;
    const failing: SecretStore = { list: hers.list, change: (peer, next) => (crash ? Promise.reject(new Error("the power went")) : hers.change(peer, next)) };
    const pair = sides({ secrets: failing }, {});
    expect(await retained(pair)).toEqual(["none", "none"]);
    let losing = true;
    pair.network.tap((stanza) => (fault === "the last form is lost" && losing && stanza.getChild("init") ? [] : stanza));
    crash = fault !== "the last form is lost";
    const incoming = pair.bob.incoming();
    const ended = new AbortController();
    const failed = pair.alice.sessions.initiate(BOB, { signal: ended.signal }).catch((error: unknown) => error);
    const theirs = await incoming;
    if (!crash) ended.abort();
    expect(await failed).toMatchObject({ code: crash ? "internal" : "aborted" });
    await theirs.abandon();
    [losing, crash] = [false, false];
    expect(await retained(pair)).toEqual(["matched", "matched"]);
  });
});
