import { join } from "node:path";
import { client } from "@xmpp/client";
import { type Balcony, balcony, xml } from "balcony";

/** Somebody who is online and takes streams from everybody. */
export interface Person {
  readonly e2e: Balcony;
  readonly self: string;
  logout(): Promise<void>;
}

export async function login(account: {
  readonly service: string;
  readonly username: string;
  readonly domain: string;
  readonly password: string;
  readonly folder: string;
}): Promise<Person> {
  const { service, username, domain, password, folder } = account;
  const xmpp = client({ service, domain, username, password, resource: password });
  const e2e = await balcony(xmpp, { store: { folder: join(folder, username) }, policy: { allow: () => true } });
  const ready = new Promise<string>((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  const self = await ready;
  await xmpp.send(xml("presence"));
  return {
    e2e,
    self,
    logout: async () => {
      await e2e.close();
      await xmpp.stop();
    },
  };
}
