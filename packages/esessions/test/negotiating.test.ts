import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { wrapForm } from "../src/envelope.js";
import { writeForm } from "../src/form.js";
import { keyRefused } from "../src/identification.js";
import type { Keys } from "../src/index.js";
import { type NegotiationOptions, negotiate } from "../src/negotiating.js";
import type { Effect, NegotiationEvent, Outcome } from "../src/negotiation.js";
import { keys, signers } from "./keys.js";
import { given } from "./machines.js";
import { ALICE, BOB } from "./pair.js";

const form = (type: "form" | "submit" | "result" = "submit", ...names: readonly string[]) =>
  writeForm(type, [["FORM_TYPE", ["urn:xmpp:ssn"]], ...names.map((name) => [name, ["1"]] as const)]);
const message = (...children: readonly Element[]) => xml("message", { from: BOB, to: ALICE }, xml("thread", {}, "t"), [...children]);
const encrypted = () => xml("c", "http://www.xmpp.org/extensions/xep-0200.html#ns");
const failure = (code: "declined" | "esession-check" = "declined"): Effect => ({ kind: "failed", error: new BalconyError(code, "x") });
const outcome = {} as Outcome;

/** A driver, and a machine that does at each event what the test says. */
function driven(script: (event: NegotiationEvent) => readonly Effect[], more: Partial<NegotiationOptions<string>> = {}) {
  const log: unknown[] = [];
  const exponents = new Map([[14, new Uint8Array(8).fill(1)]]);
  const brief = (stanza: Element): string =>
    [
      "send",
      stanza.attrs.to,
      stanza.getChildText("thread"),
      stanza.attrs.type ?? "-",
      stanza.getChildElements().flatMap(({ name }) => (["feature", "init", "c"].includes(name) ? [name] : [])),
      stanza.getChild("error")?.getChildElements()[0]?.name ?? "",
    ]
      .flat()
      .join(" ")
      .trim();
  let over = (): void => undefined;
  const settled = new Promise<void>((resolve) => {
    over = resolve;
  });
  const negotiation = negotiate<string>({
    thread: "t",
    account: "bob@montague.lit",
    address: "bob@montague.lit",
    given: given({ exponents }),
    step: (event) => {
      log.push(event.kind);
      return script(event);
    },
    begin: { messages: 4 },
    arithmetic: { prime: () => new Uint8Array(), powers: () => Promise.resolve([]) },
    keys: undefined,
    send: (stanza) => {
      log.push(brief(stanza));
      return Promise.resolve();
    },
    establish: (peer, _, early) => {
      log.push(`establish ${peer} ${early.length}`);
      return Promise.resolve("session");
    },
    ...more,
    done: (result) => {
      log.push(`done ${result}`);
      over();
    },
    failed: (error) => {
      log.push(error);
      over();
    },
  });
  const begun = async (): Promise<void> => void (await expect.poll(() => log.length).toBeGreaterThan(0));
  return { negotiation, log, settled, begun, exponent: exponents.get(14) };
}

describe("what drives a negotiation", () => {
  it("performs effects in their order, to the resource that answers, and registers the session before its last form leaves", async () => {
    const { log, negotiation, settled } = driven((event) => {
      if (event.kind === "start") return [{ kind: "compute", powers: [] }];
      if (event.kind === "computed") return [{ kind: "send", form: form("form"), wrapper: "feature" }];
      return [
        { kind: "send", form: form("result"), wrapper: "init" },
        { kind: "established", outcome },
      ];
    });
    await expect.poll(() => log.length).toBe(3);
    negotiation.receive(message(wrapForm(form(), "feature"), encrypted()), BOB);
    negotiation.receive(message(encrypted()), BOB);
    await settled;
    negotiation.receive(message(wrapForm(form(), "feature")), BOB);
    negotiation.abandon(new BalconyError("aborted", "x"));
    expect([negotiation.peer, negotiation.thread, negotiation.account]).toEqual([BOB, "t", "bob@montague.lit"]);
    expect(log).toEqual(["start", "computed", "send bob@montague.lit t - feature", "received", `establish ${BOB} 2`, `send ${BOB} t - init`, "done session"]);
  });

  it("sends what is encrypted beside the last form in its stanza, and nothing beside another", async () => {
    const { log, settled } = driven(
      (event) =>
        event.kind === "start"
          ? [
              { kind: "send", form: form("form"), wrapper: "feature" },
              { kind: "compute", powers: [] },
            ]
          : [
              { kind: "send", form: form("result"), wrapper: "feature" },
              { kind: "established", outcome },
            ],
      { beside: (result) => (result === "session" ? encrypted() : xml("x")) },
    );
    await settled;
    expect(log.filter((entry) => String(entry).startsWith("send"))).toEqual(["send bob@montague.lit t - feature", "send bob@montague.lit t - feature c"]);
  });

  it("begins with a form that came, and answers the form that came last", async () => {
    const first = message(wrapForm(form("form"), "feature"));
    const { log, settled, exponent } = driven(() => [{ kind: "refuse", condition: "not-acceptable", fields: ["modp"] }, failure("esession-check")], {
      begin: first,
      peer: BOB,
      address: BOB,
    });
    await settled;
    expect(log).toEqual(["received", `send ${BOB} t error feature not-acceptable`, expect.objectContaining({ code: "esession-check" })]);
    expect([...(exponent ?? [])]).toEqual(Array(8).fill(0)); // used by nobody any more
  });

  it("answers nothing where no form came", async () => {
    const { log, settled } = driven(() => [{ kind: "refuse", condition: "not-acceptable", fields: [] }, failure()]);
    await settled;
    expect(log).toEqual(["start", expect.objectContaining({ code: "declined" })]);
  });

  it("ends with an error that comes", async () => {
    const { log, negotiation, settled } = driven(() => []);
    const error = message(xml("error", { type: "cancel" }, xml("service-unavailable", "urn:ietf:params:xml:ns:xmpp-stanzas")));
    error.attrs.type = "error";
    negotiation.receive(error, BOB);
    await settled;
    expect(log).toEqual(["start", expect.objectContaining({ code: "stanza-error", condition: "service-unavailable" })]);
  });

  it("passes over what is no form, and refuses a form that cannot be read", async () => {
    const { log, negotiation, settled } = driven(() => []);
    negotiation.receive(message(xml("body", {}, "x")), BOB);
    negotiation.receive(message(wrapForm(form("submit", "a", "a"), "feature")), BOB);
    await settled;
    expect(log).toEqual(["start", `send ${BOB} t error feature not-acceptable`, expect.objectContaining({ code: "esession-form" })]);
  });

  it("tells whatever else fails in it as `internal`, and answers nothing", async () => {
    const cause = new Error("no worker");
    const { log, settled } = driven(() => [{ kind: "compute", powers: [] }], { arithmetic: { prime: () => new Uint8Array(), powers: () => Promise.reject(cause) } });
    await settled;
    expect(log).toEqual(["start", expect.objectContaining({ code: "internal", phase: "negotiate", message: "Error: no worker", cause })]);
  });

  it("holds no more than 256 encrypted stanzas that come too early", async () => {
    const { begun, log, negotiation, settled } = driven(() => []);
    await begun();
    for (let count = 0; count < 256; count++) negotiation.receive(message(encrypted()), BOB);
    negotiation.receive(message(xml("body", {}, "x")), BOB);
    expect(log).toEqual(["start"]);
    negotiation.receive(message(encrypted()), BOB);
    await settled;
    expect(log.slice(1)).toMatchObject([{ code: "resource-constraint", phase: "negotiate", message: "Too many encrypted stanzas came before the negotiation was complete." }]);
  });

  it("says no to whoever has answered, where it is given up; to nobody else", async () => {
    const aborted = new BalconyError("aborted", "x");
    const [answered, unanswered, asked] = [driven(() => []), driven(() => []), driven(() => [], { begin: message(wrapForm(form("form"), "feature")), peer: BOB, address: BOB })];
    for (const { begun } of [answered, unanswered, asked]) await begun();
    answered.negotiation.receive(message(xml("body", {}, "x")), BOB);
    for (const { negotiation } of [answered, unanswered, asked]) negotiation.abandon(aborted);
    expect([answered.log, unanswered.log, asked.log]).toEqual([
      ["start", `send ${BOB} t - feature`, aborted],
      ["start", aborted],
      ["received", aborted],
    ]);
  });

  it("goes no further once it is given up, whatever was under way", async () => {
    let compute: (results: readonly Uint8Array[]) => void = () => undefined;
    const powers = () => new Promise<readonly Uint8Array[]>((resolve) => (compute = resolve));
    const { log, negotiation, settled } = driven(() => [{ kind: "compute", powers: [] }], { arithmetic: { prime: () => new Uint8Array(), powers } });
    await expect.poll(() => log).toEqual(["start"]);
    negotiation.abandon(new BalconyError("timeout", "x"));
    negotiation.abandon(new BalconyError("aborted", "x"));
    compute([]);
    await settled;
    expect(log).toEqual(["start", expect.objectContaining({ code: "timeout" })]);
  });
});

describe("what a machine asks of the keys", () => {
  const { publicKey: key } = signers.bob;
  const data = new Uint8Array(4);

  /** What comes of one effect. */
  async function asked(effect: Effect, mine: Keys | undefined): Promise<unknown> {
    const events: NegotiationEvent[] = [];
    const { log, settled } = driven(
      (event) => {
        events.push(event);
        return event.kind === "start" ? [effect] : [failure()];
      },
      { keys: mine, peer: BOB, address: BOB },
    );
    await settled;
    return events[1] ?? log.at(-1);
  }

  it.each<[string, Partial<Keys>, object]>([
    ["trusted", { trust: () => true, verify: () => Promise.resolve(true) }, { verdict: "trusted" }],
    ["refused", { trust: () => false, verify: () => Promise.resolve(true) }, { verdict: "distrusted", reason: keyRefused() }],
    [
      "refused for a reason",
      { trust: () => Promise.reject(new BalconyError("key-changed", "x")), verify: () => Promise.resolve(true) },
      { verdict: "distrusted", reason: expect.objectContaining({ code: "key-changed" }) },
    ],
    ["forged, and nobody is asked about it", { trust: () => Promise.reject(new Error("asked")), verify: () => Promise.resolve(false) }, { verdict: "forged" }],
  ])("a signature is %s", async (_, more, event) => {
    expect(await asked({ kind: "verify", key, data, signature: data }, keys("alice", more))).toEqual({ kind: "verified", ...event });
  });

  it("a signature of ours, and a key by its fingerprint, from the peer's address", async () => {
    const seen: unknown[] = [];
    const mine = keys("alice", {
      find: (peer, fingerprint) => {
        seen.push(peer, fingerprint);
        return Promise.resolve(key);
      },
      signer: { publicKey: key, sign: (octets) => Promise.resolve(Uint8Array.of(octets.length)) },
    });
    expect(await asked({ kind: "sign", data }, mine)).toEqual({ kind: "signed", signature: Uint8Array.of(4) });
    expect(await asked({ kind: "find", fingerprint: data }, mine)).toEqual({ kind: "found", key });
    expect(seen).toEqual([BOB, data]);
  });

  it("what goes wrong in asking is `internal`, and so it is without keys", async () => {
    const broken = keys("alice", { trust: () => Promise.reject(new Error("no screen")), verify: () => Promise.resolve(true) });
    expect(await asked({ kind: "verify", key, data, signature: data }, broken)).toMatchObject({ code: "internal", message: "Error: no screen" });
    for (const effect of [
      { kind: "sign", data },
      { kind: "find", fingerprint: data },
      { kind: "verify", key, data, signature: data },
    ] as const) {
      expect(await asked(effect, undefined)).toMatchObject({ code: "internal", phase: "negotiate", message: "A key was asked for, and no keys are there." });
    }
  });
});
