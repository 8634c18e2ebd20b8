// What of @xmpp/jid is used here: its own types turn to `any` under NodeNext.
declare module "@xmpp/jid" {
  export default function jid(address: string): object;
}
