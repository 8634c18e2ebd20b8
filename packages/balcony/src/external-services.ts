import { BalconyError, type StanzaChannel, withDeadline } from "@balcony/channel";
import { addressKind, type IceServer } from "@balcony/jingle";
import { domainOf, type Element, xml } from "@balcony/xml";

const NS_EXTDISCO = "urn:xmpp:extdisco:2";
/** ms; the streams that wait for it have better to do. */
const TIMEOUT = 3_000;
/** ms for which an answer counts whose credentials do not say until when they do. */
const LIFETIME = 10 * 60_000;
/** Services that are used of one answer: each is somebody whom every attempt to connect asks. */
const MOST = 8;

const ports: Readonly<Record<string, number>> = { stun: 3478, stuns: 5349, turn: 3478, turns: 5349 };

export interface ExternalServicesOptions {
  /** Services on this very machine, for tests. */
  readonly loopback: boolean;
  /** Told of each service that is left out, and why. */
  readonly report: (error: BalconyError) => void;
  /** ms since 1970. */
  readonly now?: () => number;
}

/** STUN and TURN servers that our own server names (XEP-0215), asked when first wanted and kept as long as they are good. */
export class ExternalServices {
  readonly #channel: StanzaChannel;
  readonly #options: ExternalServicesOptions;
  readonly #now: () => number;
  #known: { readonly servers: Promise<readonly IceServer[]>; until: number } | undefined;

  constructor(channel: StanzaChannel, options: ExternalServicesOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Never rejects: where the server knows none, or does not answer within 3 s, there are none. */
  servers(): Promise<readonly IceServer[]> {
    if (this.#known && this.#known.until > this.#now()) return this.#known.servers;
    const known = { servers: this.#ask(), until: this.#now() + LIFETIME };
    this.#known = known;
    return known.servers;
  }

  async #ask(): Promise<readonly IceServer[]> {
    try {
      const listed = (await this.#request(xml("services", { xmlns: NS_EXTDISCO }), "services")).getChildren("service", NS_EXTDISCO);
      const found = await Promise.all(
        listed
          .filter(isWanted)
          .slice(0, MOST)
          .map(async (service) => await this.#one(service)),
      );
      return found.flat();
    } catch (error) {
      if (!(error instanceof BalconyError)) throw error;
      // It was not answered in time, say: another time, perhaps. A server that knows no external services is not asked anew.
      if (error.code !== "stanza-error") this.#known = undefined;
      return [];
    }
  }

  async #one(service: Element): Promise<readonly IceServer[]> {
    try {
      const read = readService(needsCredentials(service) ? await this.#withCredentials(service) : service, { ...this.#options, now: this.#now() });
      if (this.#known) this.#known.until = Math.min(this.#known.until, read.until ?? Number.POSITIVE_INFINITY);
      return [read.server];
    } catch (error) {
      if (!(error instanceof BalconyError)) throw error;
      this.#options.report(error);
      return [];
    }
  }

  /** §5: credentials of a service that wants some are asked for by its host and type. */
  async #withCredentials({ attrs: { host, type, port } }: Element): Promise<Element> {
    const wanted = xml("credentials", { xmlns: NS_EXTDISCO }, xml("service", { host, type, port }));
    const given = (await this.#request(wanted, "credentials")).getChildren("service", NS_EXTDISCO);
    const service = given.find(({ attrs }) => attrs.host === host && attrs.type === type && (port === undefined || attrs.port === undefined || attrs.port === port));
    if (!service) throw new BalconyError("invalid-xml", `The server gives no credentials for ${type} at ${host}.`);
    return service;
  }

  async #request(payload: Element, name: string): Promise<Element> {
    const server = domainOf(this.#channel.self);
    const asked = this.#channel.to(server).request(xml("iq", { type: "get" }, payload), { timeout: TIMEOUT });
    const answer = await withDeadline(asked, { timeout: TIMEOUT, waitingFor: `the external services that ${server} knows` });
    return answer.getChild(name, NS_EXTDISCO) ?? xml(name, { xmlns: NS_EXTDISCO });
  }
}

const isWanted = ({ attrs }: Element): boolean => attrs.type !== undefined && Object.hasOwn(ports, attrs.type);

const isRestricted = (service: Element): boolean => service.attrs.restricted === "true" || service.attrs.restricted === "1";

function needsCredentials(service: Element): boolean {
  const { username, password, type } = service.attrs;
  return (isRestricted(service) || type === "turn" || type === "turns") && (username === undefined || password === undefined);
}

export interface Service {
  readonly server: IceServer;
  /** ms since 1970 */
  readonly until: number | undefined;
}

/**
 * Reads a `<service/>` of a type that is ours (§3).
 * @throws `invalid-xml` for one that is malformed or of no use, `policy-violation` for a host that nobody on the network can mean
 */
export function readService({ attrs }: Element, { loopback, now }: { readonly loopback: boolean; readonly now: number }): Service {
  const { host = "", type = "", port, transport, username, password, expires } = attrs;
  const kind = addressKind(host);
  const isName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?$/i.test(host) && !/^[\d.]*$|^0x/i.test(host);
  if (kind === undefined && !isName) throw invalid("host is missing, or neither a name nor an address");
  if (kind === "special" || kind === "link-local" || (!loopback && (kind === "loopback" || /^(.*\.)?localhost\.?$/i.test(host)))) {
    throw new BalconyError("policy-violation", `An external service at ${host}: that is no address of another host.`);
  }
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) throw invalid("port is none");
  if (transport !== undefined && !/^(udp|tcp)$/i.test(transport)) throw invalid("transport is neither udp nor tcp");
  const until = readExpiry(expires);
  if (until !== undefined && until <= now) throw invalid("its credentials have expired");
  const relays = type === "turn" || type === "turns";
  if (relays && (!username || !password)) throw invalid("a relay without credentials");
  const at = `${host.includes(":") ? `[${host}]` : host}:${port ?? ports[type]}`;
  const by = transport === undefined || (transport.toLowerCase() === "udp" && type === "stun") ? "" : `?transport=${transport.toLowerCase()}`;
  const credentials = relays && username && password ? { username, credential: password } : {};
  return { server: { urls: `${type}:${at}${by}`, ...credentials }, until };
}

/** XEP-0082 §3.2, in UTC. */
function readExpiry(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw invalid("expires is no time in UTC");
  return at;
}

const invalid = (what: string): BalconyError => new BalconyError("invalid-xml", `A malformed external service (XEP-0215): ${what}.`);
