// What of @xmpp/client is used here: its own types turn to `any` under NodeNext.
declare module "@xmpp/client" {
  import type { Element, XmppClient } from "balcony";
  export interface Client extends XmppClient {
    isSecure(): boolean;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    readonly reconnect: { stop(): void };
    readonly iqCaller: { get(element: Element, to?: string): Promise<unknown> };
  }
  type Authenticate = (credentials: { username: string; password: string }, mechanism: string) => Promise<void>;
  export function client(options: {
    service: string;
    domain: string;
    resource?: string;
    username: string;
    credentials: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>;
  }): Client;
}
