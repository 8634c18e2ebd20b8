import { randomId } from "@balcony/channel";
import { xml } from "@balcony/xml";
import type { Role } from "../contract.js";
import { PeerProcess } from "../peer-process.js";
import type { Start } from "../program.js";
import type { Account } from "./account.js";
import type { Secure, Transport } from "./play.js";

/** What is wanted of the peer in one play. */
export interface Wanted {
  /** The peer's. */
  readonly role: Role;
  /** The peer's full address, from `address()`. */
  readonly peer: string;
  readonly transport: Transport;
  readonly secure: Secure;
  /** The tester's account in this play. */
  readonly account: Account;
  /** Told of what the peer's process says. */
  readonly log: (line: string) => void;
}

/** Who is tested, and how it is had to play a role. */
export interface Subject {
  readonly contract: boolean;
  /** Can it be asked to open a session? */
  readonly canInitiate: boolean;
  /** The full address at which it will be found in the next play. */
  address(wanted: Pick<Wanted, "secure">): string;
  /** Has it play. Resolves once it can be contacted, with what ends it. */
  begin(wanted: Wanted): Promise<() => Promise<void>>;
}

export interface ContractOptions {
  readonly start: Start;
  readonly service: string;
  readonly webSocket: string | undefined;
  /** Bare. */
  readonly account: string;
  readonly password: string;
  readonly proxy: string | undefined;
  /** ms for one task of it. */
  readonly deadline: number;
  /** Told to it with each task. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A program that keeps interop/README.md's contract: started anew for each play. */
export function contractSubject({ start, service, webSocket, account, password, proxy, deadline, options }: ContractOptions): Subject {
  return {
    contract: true,
    canInitiate: true,
    address: () => `${account}/${randomId()}`,
    begin: async ({ role, peer, transport, secure, account: ours, log }) => {
      const task = { text: "Good night, good night!", transport: transport === "s5b" ? "proxy" : transport, secure, ...(proxy !== undefined && { proxy }), ...options };
      const running = new PeerProcess(
        { layer: "e2e", role, service, webSocket, jid: peer, password, target: ours.self, options: task },
        { start, deadline, log: (source, text) => log(`${source}: ${text.trimEnd()}`) },
      );
      await running.event("ready");
      return async () => {
        running.kill();
        await running.ended.catch(() => undefined); // how it ends when nobody plays with it any more is not looked at
      };
    },
  };
}

export interface ListenerOptions {
  /** Full address. */
  readonly peer: string;
  /** Has it open a session to that full address; undefined: it cannot be asked. */
  readonly ask: ((to: string, account: Account) => Promise<void>) | undefined;
}

/** Whoever listens at an address. */
export function listenerSubject({ peer, ask }: ListenerOptions): Subject {
  return {
    contract: false,
    canInitiate: ask !== undefined,
    address: () => peer,
    begin: async ({ role, account }) => {
      if (role === "initiator") await ask?.(account.self, account);
      return () => Promise.resolve();
    },
  };
}

/** Asks by a chat message: `open juliet@capulet.lit/balcony`. */
export async function askByMessage(to: string, account: Account, peer: string): Promise<void> {
  await account.send(xml("message", { to: peer, type: "chat" }, xml("body", null, `open ${to}`)));
}
