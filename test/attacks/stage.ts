import type { BalconyError } from "@balcony/channel";
import { type Interfere, type LocalServerOptions, startLocalServer } from "@balcony/local-server";
import { clone, type Element, xml } from "@balcony/xml";
import type { BalconyOptions, Session } from "balcony";
import { afterEach, beforeEach } from "vitest";
import { type LoggedIn, login } from "../rigs/login.js";

export const NS_IBB = "http://jabber.org/protocol/ibb";
export const NS_JINGLE = "urn:xmpp:jingle:1";
export const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
export const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

const addresses = { juliet: "juliet@capulet.lit", tybalt: "tybalt@capulet.lit", romeo: "romeo@montague.lit", benvolio: "benvolio@montague.lit" } as const;
export type Name = keyof typeof addresses;

type Server = Awaited<ReturnType<typeof startLocalServer>>;

/** An embedded server that does what it is told to, and the people on it. */
export interface Stage {
  readonly server: Server;
  /** What the server does with stanzas from now on; nothing by default. */
  interfere: Interfere;
  /** Every element that the server has read and written, with its direction and whose connection it was. */
  readonly seen: readonly { readonly direction: "in" | "out"; readonly session: string | undefined; readonly xml: string }[];
  /** Logs somebody in, with resource and keys as asked for, until the end of the test. */
  login(name: Name, options?: BalconyOptions & { readonly resource?: string; readonly over?: "webSocket" }): Promise<LoggedIn>;
}

/** A new stage for each test. */
export function stage(options: Partial<LocalServerOptions> = {}): Stage {
  let server: Server | undefined;
  let interfere: Interfere = untouched;
  let seen: Stage["seen"][number][] = [];
  const present: LoggedIn[] = [];

  beforeEach(async () => {
    interfere = untouched;
    seen = [];
    server = await startLocalServer({
      domains: ["capulet.lit", "montague.lit"],
      accounts: Object.fromEntries(Object.values(addresses).map((address) => [address, "secret"])),
      tap: (event) => seen.push(event),
      interfere: (stanza, context) => interfere(stanza, context),
      ...options,
    });
  });

  afterEach(async () => {
    interfere = untouched;
    for (const person of present.splice(0)) await person.logout();
    await server?.stop();
  });

  return {
    get server() {
      if (!server) throw new Error("The curtain is down.");
      return server;
    },
    get interfere() {
      return interfere;
    },
    set interfere(next: Interfere) {
      interfere = next;
    },
    get seen() {
      return seen;
    },
    async login(name, { resource, over, ...options } = {}) {
      const service = over === "webSocket" ? (this.server.webSocketService ?? "") : this.server.service;
      const person = await login({ service, jid: addresses[name], password: "secret", ...(resource !== undefined && { resource }), options });
      present.push(person);
      return person;
    },
  };
}

export const untouched: Interfere = (stanza) => stanza;

/** Rewrites the bytes that flow in-band to `to`. What it returns goes on as so many blocks, numbered anew; for `undefined` the block goes on as it is. Text is latin1. */
export function rewriting(to: string, rewrite: (bytes: Buffer) => readonly (Buffer | string)[] | undefined): Interfere {
  let next = 0;
  return (stanza, { direction, session }) => {
    const data = stanza.getChild("data", NS_IBB);
    if (direction !== "out" || session !== to || stanza.name !== "iq" || stanza.attrs.type !== "set" || !data) return stanza;
    const bytes = Buffer.from(data.getText(), "base64");
    const blocks = rewrite(bytes) ?? [bytes];
    return blocks.map((block, index) => {
      const copy = clone(stanza);
      const last = index === blocks.length - 1;
      if (!last) copy.attrs.id = `forged-${next}`;
      const inner = copy.getChild("data", NS_IBB) as Element;
      inner.attrs.seq = String(next++);
      inner.children = [Buffer.from(block as string, "latin1").toString("base64")];
      return copy;
    });
  };
}

/** Does first one thing, then the other with what is left. */
export function both(first: Interfere, second: Interfere): Interfere {
  return (stanza, context) => {
    const outcome = first(stanza, context);
    if (outcome === undefined) return undefined;
    const stanzas = Array.isArray(outcome) ? (outcome as readonly Element[]) : [outcome as Element];
    return stanzas.flatMap((one) => second(one, context) ?? []);
  };
}

/** All that went through in-band bytestreams, decoded, as text: whatever of it is not TLS can be read. */
export function inBand({ seen }: Stage): string {
  return seen
    .flatMap(({ direction, xml: text }) => (direction === "in" ? [...(/<data xmlns=["']http:\/\/jabber.org\/protocol\/ibb["'][^>]*>([^<]*)</g.exec(text)?.slice(1) ?? [])] : []))
    .map((block) => Buffer.from(block, "base64").toString("latin1"))
    .join("");
}

/** The code with which it fails. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "none",
    (error: BalconyError) => error.code ?? String(error),
  );
}

/** Fingerprint of the peer's key. */
export function keyOf({ security }: Session): string {
  if (!security.peer) throw new Error("The peer has no key.");
  return security.peer.fingerprint;
}

/** The next error that nobody waits for. */
export function nextError({ e2e }: LoggedIn): Promise<BalconyError> {
  return new Promise((resolve) => e2e.once("error", resolve));
}

export const message = (text: string): Element => xml("message", {}, xml("body", {}, text));
