import { type Element, xml } from "@balcony/xml";
import type { LoggedIn } from "../rigs/login.js";
import { NS_DISCO_INFO, NS_IBB, NS_JINGLE } from "./stage.js";

const jingle = (action: string, ...children: Element[]): Element => xml("jingle", { xmlns: NS_JINGLE, action, sid: "abc" }, children);

const content = (): Element =>
  xml(
    "content",
    { creator: "initiator", name: "xmlstream" },
    xml("description", "urn:xmpp:jingle:apps:xmlstream:0"),
    xml("transport", { xmlns: "urn:xmpp:jingle:transports:ibb:1", "block-size": "4096", sid: "def" }),
  );

/** What a stranger asks to learn whether somebody is there. */
export const probes: readonly (readonly [string, "get" | "set", () => Element])[] = [
  ["disco#info", "get", () => xml("query", NS_DISCO_INFO)],
  ["disco#info of a node", "get", () => xml("query", { xmlns: NS_DISCO_INFO, node: "urn:xmpp:balcony#x" })],
  ["a ping", "get", () => xml("ping", "urn:xmpp:ping")],
  ["session-initiate", "set", () => jingle("session-initiate", content())],
  ["session-initiate without content", "set", () => jingle("session-initiate")],
  ["session-terminate", "set", () => jingle("session-terminate")],
  ["session-info", "set", () => jingle("session-info")],
  ["an unknown action", "set", () => jingle("surprise")],
  ["IBB open", "set", () => xml("open", { xmlns: NS_IBB, sid: "def", "block-size": "4096" })],
  ["IBB data", "set", () => xml("data", { xmlns: NS_IBB, sid: "def", seq: "0" }, "AAAA")],
  ["IBB close", "set", () => xml("close", { xmlns: NS_IBB, sid: "def" })],
];

/** The answer to an IQ as its bytes came in, over TCP. */
export async function rawAnswer({ xmpp }: LoggedIn, iq: Element): Promise<string> {
  const { id } = iq.attrs;
  const socket = xmpp.socket as unknown as NodeJS.EventEmitter;
  return await new Promise((resolve) => {
    let text = "";
    const onData = (bytes: Buffer): void => {
      text += bytes.toString("latin1");
      const answer = [...text.matchAll(/<iq\b[^>]*(?:\/>|>.*?<\/iq>)/gs)].map(([found]) => found).find((found) => found.includes(`${id}`));
      if (answer === undefined) return;
      socket.off("data", onData);
      resolve(answer);
    };
    socket.on("data", onData);
    void xmpp.send(iq as never);
  });
}

/** What a stranger hears from an address, with the address and the id that were asked taken out. */
export async function heardFrom(stranger: LoggedIn, address: string, type: "get" | "set", payload: Element): Promise<string> {
  const id = `probe-${payload.name}`;
  return (await rawAnswer(stranger, xml("iq", { type, id, to: address }, payload))).replaceAll(address, "ADDRESS");
}
