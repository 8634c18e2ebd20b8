// What of @xmpp/client is used here: its own types turn to `any` under NodeNext.
declare module "@xmpp/client" {
  import type { XmppClient } from "balcony";
  export function client(options: {
    service: string;
    domain: string;
    username: string;
    password: string;
    resource?: string;
  }): XmppClient & { start(): Promise<unknown>; stop(): Promise<unknown> };
}
