import { once } from "node:events";
import { parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { LocalServer } from "../src/index.js";
import { bindRequest, plainAuth, stage } from "./actors.js";

const open = (to: string) => `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' version='1.0'/>`;

/** A bare WebSocket: messages as they come, and how it closes. */
class RawWebSocket {
  readonly socket: WebSocket;
  readonly #messages: string[] = [];
  readonly #waiting: ((message: string) => void)[] = [];
  readonly closed: Promise<number>;

  constructor(server: LocalServer, protocols: string[] = ["xmpp"]) {
    this.socket = new WebSocket(server.webSocketService ?? "", protocols);
    this.socket.on("message", (data) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(String(data));
      else this.#messages.push(String(data));
    });
    this.closed = new Promise((resolve) => this.socket.on("close", resolve));
  }

  next(): Promise<string> {
    const message = this.#messages.shift();
    return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
  }

  async ask(text: string | Uint8Array): Promise<string> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, "open");
    const answer = this.next();
    this.socket.send(text);
    return answer;
  }

  async login(): Promise<this> {
    await this.ask(open("montague.lit"));
    await this.next();
    await this.ask(plainAuth("romeo", "secret").replace("'urn", "'urn"));
    await this.ask(open("montague.lit"));
    await this.next();
    await this.ask(bindRequest("r").replace("<iq", "<iq xmlns='jabber:client'"));
    return this;
  }
}

describe("over WebSocket (RFC 7395)", () => {
  it("every message is one whole element that declares its namespaces", async () => {
    const server = await stage();
    const socket = new RawWebSocket(server);
    expect(parseElement(await socket.ask(open("montague.lit"))).is("open", "urn:ietf:params:xml:ns:xmpp-framing")).toBe(true);
    expect(parseElement(await socket.next()).is("features", "http://etherx.jabber.org/streams")).toBe(true);
    const error = parseElement(await socket.ask("<message xmlns='jabber:client'/>"));
    expect(error.is("error", "http://etherx.jabber.org/streams")).toBe(true);
    expect(parseElement(await socket.next()).is("close", "urn:ietf:params:xml:ns:xmpp-framing")).toBe(true);
    expect(await socket.closed).toBe(1000);
  });

  it("stanzas declare jabber:client, and must", async () => {
    const server = await stage();
    const socket = await new RawWebSocket(server).login();
    const pong = parseElement(await socket.ask("<iq xmlns='jabber:client' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"));
    expect(pong.is("iq", "jabber:client")).toBe(true);
    expect(await socket.ask("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>")).toContain("<unsupported-stanza-type");
    await socket.closed;
  });

  it("<close/> is answered with <close/>", async () => {
    const server = await stage();
    const socket = await new RawWebSocket(server).login();
    expect(await socket.ask("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")).toContain("<close ");
    expect(await socket.closed).toBe(1000);
    expect(server.sessions()).toEqual([]);
  });

  it.each([
    ["two elements in one message", `${open("montague.lit")}<presence/>`, "not-well-formed"],
    ["half an element", "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'", "not-well-formed"],
    ["an empty message", "", "not-well-formed"],
    ["a header of TCP", "<stream:stream to='montague.lit' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'/>", "bad-format"],
    ["a comment", "<!-- hark --><open/>", "restricted-xml"],
    ["a stanza before <open/>", "<presence xmlns='jabber:client'/>", "bad-format"],
    ["a message to another domain", open("verona.lit"), "host-unknown"],
  ])("%s ends the stream", async (_name, text, condition) => {
    const server = await stage();
    const socket = new RawWebSocket(server);
    let answer = await socket.ask(text);
    if (answer.startsWith("<open ")) answer = await socket.next();
    expect(answer).toContain(`<${condition} `);
    expect(await socket.closed).toBe(1000);
  });

  it("a second <open/> where none belongs ends the stream", async () => {
    const server = await stage();
    const socket = new RawWebSocket(server);
    await socket.ask(open("montague.lit"));
    await socket.next();
    expect(await socket.ask(open("montague.lit"))).toContain("<bad-format ");
    await socket.closed;
  });

  it("there is no STARTTLS, even where TCP has it", async () => {
    const server = await stage({ starttls: "self-signed" });
    const socket = new RawWebSocket(server);
    await socket.ask(open("montague.lit"));
    const features = await socket.next();
    expect(features).toContain("<mechanisms");
    expect(features).not.toContain("starttls");
    expect(await socket.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")).toContain("<failure ");
    await socket.closed;
  });

  it("a binary message closes with 1003, one too large with 1009", async () => {
    const server = await stage();
    const binary = new RawWebSocket(server);
    await once(binary.socket, "open");
    binary.socket.send(Buffer.from(open("montague.lit")));
    expect(await binary.closed).toBe(1003);
    const large = new RawWebSocket(server);
    await once(large.socket, "open");
    large.socket.send("x".repeat(256 * 1024 + 1));
    expect(await large.closed).toBe(1009);
  });

  it("another subprotocol, or none, is refused", async () => {
    const server = await stage();
    const none = new RawWebSocket(server, []);
    expect(await none.closed).toBe(1002);
    const other = new RawWebSocket(server, ["mqtt"]);
    other.socket.on("error", () => undefined);
    await other.closed;
    expect(server.sessions()).toEqual([]);
  });

  it("plain HTTP is told to upgrade", async () => {
    const server = await stage();
    const response = await fetch(server.webSocketService?.replace("ws:", "http:") ?? "", { headers: { connection: "close" } });
    expect(response.status).toBe(426);
  });

  it("can be switched off", async () => {
    const server = await stage({ webSocket: false, proxy65: false });
    expect(server.webSocketService).toBeUndefined();
    expect(server.proxy65).toBeUndefined();
  });
});
