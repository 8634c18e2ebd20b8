// What the tests use of packages whose own types turn to `any` under NodeNext.
declare module "@xmpp/client" {
  import type { EventEmitter } from "node:events";
  import type { Element, IqCallee, IqCaller } from "balcony";

  interface Socket extends EventEmitter {
    destroy?(): void;
    end(): void;
  }
  // biome-ignore lint/suspicious/noExplicitAny: its events carry whatever they carry
  export interface Client extends EventEmitter<Record<string, any[]>> {
    readonly status: string;
    readonly jid: { toString(): string } | null;
    readonly socket: (Socket & { readonly socket?: Socket }) | null;
    readonly iqCaller: IqCaller;
    readonly iqCallee: IqCallee;
    readonly reconnect: { delay: number; stop(): void; reconnect(): Promise<void> };
    readonly streamManagement: EventEmitter & { enabled: boolean; id: string };
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    disconnect(): Promise<unknown>;
    send(stanza: unknown): Promise<void>;
    sendMany(stanzas: Element[]): Promise<void>;
  }
  export function client(options: {
    readonly service: string;
    readonly domain: string | undefined;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly credentials?: (authenticate: (credentials: { readonly username: string; readonly password: string }, mechanism: string) => Promise<void>) => Promise<void>;
    readonly resource?: string | undefined;
  }): Client;
  export { xml } from "@balcony/xml";
}

declare module "@xmpp/xml" {
  import type { EventEmitter } from "node:events";
  // biome-ignore lint/suspicious/noExplicitAny: its events carry whatever they carry
  export class Parser extends EventEmitter<Record<string, any[]>> {
    write(data: string): void;
    end(data?: string): void;
  }
}

declare module "*/code-points.mjs" {
  export function generate(): Promise<string>;
}
