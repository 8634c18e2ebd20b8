import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { heardFrom, probes } from "../attacks/probes.js";
import { ejabberd } from "../rigs/ejabberd.js";
import { type LoggedIn, login } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";

const cases: readonly { readonly title: string; readonly start: () => Promise<RigServer>; readonly people: readonly [string, string] }[] = [
  { title: "Prosody", start: () => prosody({ limits: "none" }), people: ["alice@alpha.test", "bob@beta.test"] },
  { title: "ejabberd", start: () => ejabberd({ limits: "none" }), people: ["alice@ej1.test", "bob@ej2.test"] },
];

/**
 * The bytes, but for what no client can change: Prosody stamps `xml:lang` on what it relays for a client and not on what it says itself, and attributes come in the order of a
 * server's own tables.
 */
function asRelayed(answer: string): string {
  return answer.replace(/^(<iq[^>]*?) xml:lang='en'/, "$1").replace(/<([\w:]+) ([^>]*?)(\/?)>/g, (_, name: string, attributes: string, end: string) => {
    return `<${name} ${attributes
      .split(/(?<=') /)
      .sort()
      .join(" ")}${end}>`;
  });
}

describe.each(cases)("on $title a stranger", ({ start, people }) => {
  const accept = vi.fn(() => true);
  let server: RigServer;
  let alice: LoggedIn;
  let stranger: LoggedIn;

  beforeAll(async () => {
    server = await start();
    alice = await login({ service: server.service, jid: people[0], password: server.password, options: { policy: { allow: () => false, accept } } });
    stranger = await login({ service: server.service, jid: people[1], password: server.password });
  });
  afterAll(async () => {
    await alice?.logout();
    await stranger?.logout();
    await server?.stop();
  });

  it.each(probes)("hears of %s what the server says of an absent resource, to the byte but for the order of attributes", async (_, type, payload) => {
    const absent = await heardFrom(stranger, `${people[0]}/absent`, type, payload());
    expect(asRelayed(await heardFrom(stranger, alice.self, type, payload()))).toBe(asRelayed(absent));
    expect(accept).not.toHaveBeenCalled();
  });
});
