import { startLocalServer } from "@balcony/local-server";
import { type Element, xml } from "@balcony/xml";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Account } from "../src/check/account.js";
import { NS_DISCO, NS_XMLSTREAM } from "../src/check/namespaces.js";
import { resourceOf } from "../src/check/resource.js";

const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";
const password = "secret";

let server: Awaited<ReturnType<typeof startLocalServer>>;
const online: Account[] = [];

beforeEach(async () => {
  server = await startLocalServer({ domains: ["capulet.lit", "montague.lit"], accounts: { [JULIET]: password, [ROMEO]: password } });
});

afterEach(async () => {
  await Promise.all(online.splice(0).map(async (account) => await account.logout()));
  await server.stop();
});

const accountOf = (self: string): Account => new Account({ service: server.service, self, password, plain: true });

/** A client of Juliet's, which shows itself to whoever does, and has these features. @returns when it has been asked for them */
async function client(resource: string, features: readonly string[]): Promise<{ readonly asked: Promise<void> }> {
  let ask: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const account = accountOf(`${JULIET}/${resource}`);
  const answer = async (stanza: Element, from: string): Promise<void> => {
    if (stanza.name === "presence") await account.send(xml("presence", { to: from }));
    else {
      ask();
      const known = features.map((name) => xml("feature", { var: name }));
      await account.send(xml("iq", { type: "result", to: from, id: stanza.attrs.id }, xml("query", NS_DISCO, known)));
    }
  };
  account.listen((stanza, from) => {
    if (!from.startsWith(ROMEO)) return false;
    if (stanza.attrs.type === undefined || stanza.attrs.type === "get") void answer(stanza, from);
    return true;
  });
  await account.login();
  online.push(account);
  return { asked };
}

const found = async (timeout: number): Promise<string> => await resourceOf(accountOf(`${ROMEO}/tester`), JULIET, timeout);

it("finds among the clients of a bare address the one that has end-to-end streams", async () => {
  await client("phone", [NS_DISCO]);
  await client("balcony", [NS_DISCO, NS_XMLSTREAM]);
  expect(await found(20_000)).toBe(`${JULIET}/balcony`);
});

it("says which clients have none", async () => {
  const { asked } = await client("phone", [NS_DISCO]);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const finding = expect(found(20_000)).rejects.toMatchObject({ code: "unsupported-peer", message: `${JULIET}/phone: no end-to-end streams.` });
  await asked;
  vi.advanceTimersByTime(20_000);
  vi.useRealTimers();
  await finding;
});

it("says that no client shows itself", async () => {
  await expect(found(300)).rejects.toMatchObject({ code: "unknown-resource" });
});
