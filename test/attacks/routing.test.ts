import { createIdentity, exportIdentity } from "@balcony/tls";
import { TrustStore } from "@balcony/trust";
import type { Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import type { LoggedIn } from "../rigs/login.js";
import { codeOf, NS_IBB, NS_JINGLE, nextError, stage } from "./stage.js";

const on = stage();

/** `caller` talks to `meant`, and the server has `instead` answer: each of the two who talk sees the address it expects. */
function rerouted(caller: string, meant: string, instead: string) {
  return (stanza: Element, { direction }: { readonly direction: "in" | "out" }): Element => {
    if (direction !== "in") return stanza;
    if (stanza.attrs.from === caller && stanza.attrs.to === meant) {
      renamed(stanza, meant, instead);
      stanza.attrs.to = instead;
    } else if (stanza.attrs.from === instead && stanza.attrs.to === caller) {
      renamed(stanza, instead, meant);
      stanza.attrs.from = meant;
    }
    return stanza;
  };
}

/** The same in the headers that go in the clear, before TLS. */
function renamed(stanza: Element, from: string, to: string): void {
  const data = stanza.getChild("data", NS_IBB);
  const text = data && Buffer.from(data.getText(), "base64").toString("latin1");
  if (text?.startsWith("<")) data?.children.splice(0, 1, Buffer.from(text.replaceAll(from, to), "latin1").toString("base64"));
}

const stored = ({ e2e, self }: LoggedIn): unknown => e2e.store.list(self.slice(0, self.indexOf("/")));

describe("a session that the server routes to a third account", () => {
  it("fails on both sides by the name in the certificate, and nothing is remembered", async () => {
    const juliet = await on.login("juliet");
    const romeo = await on.login("romeo");
    const benvolio = await on.login("benvolio");
    on.interfere = rerouted(juliet.self, romeo.self, benvolio.self);
    const failed = nextError(benvolio);
    expect(await codeOf(juliet.e2e.open(romeo.self))).toBe("address-mismatch");
    expect((await failed).code).toMatch(/^(tls-rejected|session-ended|connection-lost)$/);
    expect([juliet, benvolio, romeo].map(stored)).toEqual([[], [], []]);
  });

  it("fails by the names in the headers where the certificate tells a lie", async () => {
    const juliet = await on.login("juliet");
    const romeo = await on.login("romeo");
    const store = await TrustStore.inMemory();
    await store.identity("benvolio@montague.lit", async () => exportIdentity(createIdentity("romeo@montague.lit")));
    const benvolio = await on.login("benvolio", { store });
    on.interfere = rerouted(juliet.self, romeo.self, benvolio.self);
    const failed = nextError(benvolio);
    expect(await codeOf(juliet.e2e.open(romeo.self))).toMatch(/^(address-mismatch|session-ended)$/); // whoever finds it first tells the other
    expect((await failed).code).toBe("address-mismatch");
    expect([juliet, benvolio, romeo].map(stored)).toEqual([[], [], []]);
  });
});

describe("a session-accept", () => {
  it.each([
    ["from another resource of the peer", "juliet@capulet.lit/other"],
    ["from the peer's bare address", "juliet@capulet.lit"],
    ["from somebody else", "benvolio@montague.lit/x"],
  ])("%s accepts nothing", async (_, from) => {
    const romeo = await on.login("romeo", { timeouts: { negotiation: 500 } });
    const juliet = await on.login("juliet");
    on.interfere = (stanza, { direction, session }) => {
      const action = stanza.getChild("jingle", NS_JINGLE)?.attrs.action;
      if (direction === "out" && session === romeo.self && action === "session-accept") stanza.attrs.from = from;
      return stanza;
    };
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("expired");
    expect((await failed).code).toMatch(/./);
    expect([romeo, juliet].map(stored)).toEqual([[], []]);
  });

  it("of somebody else beside the right one changes nothing", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    on.interfere = (stanza, { direction, session }) => {
      if (direction !== "out" || session !== romeo.self || !stanza.getChild("jingle", NS_JINGLE)) return stanza;
      const forged = ["juliet@capulet.lit/other", "benvolio@montague.lit/x"].map((from, index) => {
        const copy = Object.assign(Object.create(Object.getPrototypeOf(stanza)) as Element, stanza);
        copy.attrs = { ...stanza.attrs, from, id: `forged-${index}` };
        return copy;
      });
      return [...forged, stanza];
    };
    expect((await romeo.e2e.open(juliet.self)).status).toBe("online");
  });
});
