import { BalconyError, type StanzaChannel, type WaitOptions } from "@balcony/channel";
import { domainOf, type Element, xml } from "@balcony/xml";
import type { Service } from "./findings.js";

const NS_EXTDISCO = "urn:xmpp:extdisco:2";
const MOST = 16;
const types = ["stun", "turn", "stuns", "turns"] as const;

/** The STUN and TURN servers that our server names (XEP-0215 §3), with what it takes to use them. Throws what `StanzaChannel.request` throws. */
export async function services(wide: StanzaChannel, wait: WaitOptions): Promise<readonly Service[]> {
  const server = wide.to(domainOf(wide.self));
  const answer = await server.request(xml("iq", { type: "get" }, xml("services", NS_EXTDISCO)), wait).catch((error: unknown) => {
    if (error instanceof BalconyError && error.code === "stanza-error") return xml("iq"); // it knows no XEP-0215: it names none
    throw error;
  });
  const listed = (answer.getChild("services", NS_EXTDISCO)?.getChildren("service", NS_EXTDISCO) ?? []).slice(0, MOST);
  const known = listed.flatMap((element) => {
    const service = readService(element);
    return service ? [{ service, restricted: ["true", "1"].includes(element.attrs.restricted ?? "") }] : [];
  });
  return await Promise.all(
    known.map(async ({ restricted, service }) => (restricted && service.username === undefined ? { ...service, ...(await credentials(server, service, wait)) } : service)),
  );
}

/** §3.3: some servers give them only one by one. */
async function credentials(server: StanzaChannel, { host, port, type }: Service, wait: WaitOptions): Promise<Pick<Service, "username" | "password">> {
  try {
    const answer = await server.request(xml("iq", { type: "get" }, xml("credentials", NS_EXTDISCO, xml("service", { host, port: String(port), type }))), wait);
    const { username, password } = answer.getChild("credentials", NS_EXTDISCO)?.getChild("service", NS_EXTDISCO)?.attrs ?? {};
    return username !== undefined && password !== undefined ? { username, password } : {};
  } catch (error) {
    if (error instanceof BalconyError && error.code !== "aborted") return {}; // without them: the server itself will say what it thinks of that
    throw error;
  }
}

function readService({ attrs }: Element): Service | undefined {
  const { host, type, username, password } = attrs;
  const known = types.find((one) => one === type);
  const secure = known === "stuns" || known === "turns";
  const port = Number(attrs.port ?? (secure ? 5349 : 3478));
  const transport = attrs.transport ?? (secure ? "tcp" : "udp");
  if (!known || !host || host.length > 256 || (transport !== "udp" && transport !== "tcp") || !(Number.isInteger(port) && port >= 1 && port <= 65_535)) return undefined;
  return { type: known, transport, host, port, ...(username !== undefined && password !== undefined && { username, password }) };
}
