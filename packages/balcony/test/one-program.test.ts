import type { Element } from "@balcony/xml";
import { expect, it } from "vitest";
import { stage } from "../../../test/attacks/stage.js";
import { streamBetween } from "../../../test/rigs/login.js";
import { type IqCallee, type IqCaller, xml } from "../src/index.js";

const on = stage();
const NS = "urn:example:nurse";

/** What an @xmpp/client and a Session have in common. */
interface Entity {
  readonly jid: { toString(): string } | null;
  readonly status: string;
  readonly iqCaller: IqCaller;
  readonly iqCallee: IqCallee;
  send(stanza: Element): Promise<unknown>;
  sendMany(stanzas: Element[]): Promise<unknown>;
  on(event: string, listener: (stanza: Element) => void): unknown;
  off(event: string, listener: (stanza: Element) => void): unknown;
}

/** A program that knows nothing of Balcony: it asks, greets, and writes down what it hears. */
async function asking(entity: Entity, to: string): Promise<string[]> {
  const log: string[] = [];
  const onStanza = (stanza: Element): void => {
    if (stanza.attrs.type === "error") return void log.push("heard an error"); // RFC 6120 §8.3.1: it may hold what was asked, and @xmpp/client's do
    const payload = stanza.children.find((child): child is Element => typeof child !== "string");
    log.push(`heard ${stanza.name} ${stanza.attrs.type ?? "-"} ${payload?.name ?? "-"} ${payload?.getText() ?? ""}`);
  };
  entity.on("stanza", onStanza);
  log.push(`${entity.status} ${entity.jid?.toString().split("/")[0]}`);
  const attempt = async (work: Promise<unknown>): Promise<void> => {
    await work.then(
      (result) => log.push(`got ${String(result)}`),
      (error: { condition?: string }) => log.push(`refused ${error.condition}`),
    );
  };
  await attempt(entity.iqCaller.get(xml("age", NS), to).then((element) => element?.getText()));
  await attempt(entity.iqCaller.set(xml("age", NS, "14"), to).then((element) => element === undefined));
  await attempt(entity.iqCaller.get(xml("secret", NS), to));
  await attempt(entity.iqCaller.get(xml("nothing", NS), to));
  await attempt(entity.iqCaller.request(xml("iq", { type: "get", to }, xml("age", NS))).then((iq) => iq.getChild("age", NS)?.getText()));
  const echoed = new Promise<void>((resolve) => entity.on("stanza", (stanza) => stanza.getChildText("body") === "last" && resolve()));
  await entity.send(xml("message", { to }, xml("body", {}, "first")));
  await entity.sendMany(["second", "last"].map((text) => xml("message", { to }, xml("body", {}, text))));
  await echoed;
  entity.off("stanza", onStanza);
  return log;
}

/** Another: it answers, and says back what it is told. */
function nurse(entity: Entity): void {
  let age = "13";
  entity.iqCallee.get(NS, "age", (_, next) => next());
  entity.iqCallee.get(NS, "age", () => xml("age", NS, age));
  entity.iqCallee.set(NS, "age", ({ element }) => {
    age = element.getText();
    return true;
  });
  entity.iqCallee.get(NS, "secret", () => xml("error", { type: "auth" }, xml("forbidden", "urn:ietf:params:xml:ns:xmpp-stanzas")));
  entity.on("stanza", (stanza) => {
    if (stanza.name === "message") void entity.send(xml("message", { to: stanza.attrs.from }, xml("body", {}, stanza.getChildText("body"))));
  });
}

it("one program runs unchanged on an @xmpp/client and on a Session, and hears the same", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  nurse(juliet.xmpp as unknown as Entity);
  const overServer = await asking(romeo.xmpp as unknown as Entity, juliet.self);
  const [toJuliet, toRomeo] = await streamBetween(romeo, juliet);
  nurse(toRomeo as unknown as Entity);
  const overStream = await asking(toJuliet as unknown as Entity, juliet.self);
  expect(overStream).toEqual(overServer);
  expect(overStream).toContain("refused forbidden");
  expect(overStream).toContain("heard message - body last");
});
