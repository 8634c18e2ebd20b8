import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Internet, SERVER } from "./internet.js";
import { type Namespace, removeStale } from "./namespaces.js";
import { type PublicHost, publicHost } from "./public-host.js";
import { type Kind, makeSite, type Site } from "./sites.js";

const main = fileURLToPath(new URL("../../examples/cli/dist/main.js", import.meta.url));
const kinds = ["open", "firewall", "full-cone", "cone", "symmetric", "no-udp"] as const satisfies readonly Kind[];

let folder: string;
let server: PublicHost;
const namespaces: Namespace[] = [];
const sites = new Map<Kind, Site>();

beforeAll(async () => {
  await removeStale();
  folder = await mkdtemp(join(tmpdir(), "balcony-doctor-"));
  await writeFile(join(folder, "password"), "any\n");
  const internet = await Internet.make((namespace) => namespaces.push(namespace));
  server = await publicHost(internet, { tls: true });
  for (const kind of kinds) sites.set(kind, await makeSite(internet, kind, kind));
}, 120_000);

afterAll(async () => {
  await server?.stop();
  for (const namespace of namespaces.reverse()) await namespace.remove();
  await rm(folder, { recursive: true });
});

/** `balcony doctor … --json` on a host of this kind. */
async function doctor(kind: Kind, ...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { host } = sites.get(kind) as Site;
  const options = ["--json", "--account", `${kind}@${SERVER.name}`, "--data", join(folder, kind), "--password-file", join(folder, "password"), "--service", server.service];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: server.certificate };
  const child = host.spawn(process.execPath, [main, "doctor", ...args, ...options], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr?.on("data", (chunk) => {
    err += String(chunk);
  });
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`doctor ended with ${code}: ${out}${err}`);
  return out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface Reported {
  readonly server: { readonly found?: object };
  readonly nat: { readonly found?: object; readonly failed?: object };
  readonly proxies: { readonly found: readonly { readonly jid: string; readonly carried: object }[] };
  readonly stun: readonly { readonly mapped: { readonly found?: { readonly ip: string } } }[];
  readonly turn: readonly { readonly service: { readonly transport: string }; readonly relayed: object }[];
  readonly inBand: { readonly found?: { readonly blockSize: number } };
  readonly verdict: { readonly summary: string };
}

/** What is true of each kind, since the lab has made it so. */
const truths: Readonly<Record<(typeof kinds)[number], { readonly nat: object; readonly summary: RegExp }>> = {
  open: { nat: { found: { mapping: "none", filtering: "endpoint-independent" } }, summary: /mostly go directly/ },
  firewall: { nat: { found: { mapping: "none", filtering: "address-and-port-dependent" } }, summary: /often go directly; .* a relay/ },
  "full-cone": { nat: { found: { mapping: "endpoint-independent", filtering: "endpoint-independent", hairpin: false } }, summary: /mostly go directly/ },
  cone: { nat: { found: { mapping: "endpoint-independent", filtering: "address-and-port-dependent", hairpin: false } }, summary: /often go directly; .* a relay/ },
  symmetric: { nat: { found: { mapping: "address-dependent", filtering: "address-and-port-dependent" } }, summary: /mostly go through a relay/ },
  "no-udp": { nat: { failed: { code: "failed-transport" } }, summary: /mostly go through a relay/ },
};

it("tells on each kind of network what is true of it", async () => {
  // At once: what they wait for is mostly silence.
  const all = await Promise.all(kinds.map(async (kind) => [kind, (await doctor(kind)).find(({ event }) => event === "findings") as unknown as Reported] as const));
  for (const [kind, found] of all) {
    const { nat, summary } = truths[kind];
    expect(found.nat, kind).toMatchObject(nat);
    expect(found.verdict.summary, kind).toMatch(summary);
    expect(found.server, kind).toMatchObject({ found: { tls: "starttls", protocol: "TLSv1.3", certificate: { subject: SERVER.name } } });
    expect(found.server.found, kind).not.toHaveProperty("certificate.refusal");
    expect(found.proxies.found, kind).toMatchObject([{ jid: `proxy.${SERVER.name}`, carried: { found: {} } }]);
    expect(found.inBand.found?.blockSize, kind).toBe(4096); // how fast is the machine's affair
    expect(found.stun[0]?.mapped.found?.ip, kind).toBe(kind === "no-udp" ? undefined : sites.get(kind)?.addresses.ipv4);
    const working = found.turn.flatMap(({ relayed, service }) => ("found" in relayed ? [service.transport] : []));
    expect(working, kind).toEqual(kind === "no-udp" ? ["tcp"] : ["udp", "tcp"]);
    expect(JSON.stringify(found), kind).not.toContain("orchard"); // TURN's password
  }
}, 120_000);
