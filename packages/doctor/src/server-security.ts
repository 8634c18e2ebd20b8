import { Resolver } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type TLSSocket } from "node:tls";
import { BalconyError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { ServerCertificate, ServerSecurity } from "./findings.js";
import { type Asked, greet } from "./stream-greeting.js";

const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_SASL2 = "urn:xmpp:sasl:2";
const NS_CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";

interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls: "starttls" | "direct" | "websocket";
}

/**
 * What a server offers to whoever connects: TLS, certificate, mechanisms. By a connection of its own that logs in nowhere; nothing that the server sends is trusted to be
 * true of any other connection.
 * @throws `failed-transport`, `starttls-injection`, `stream-error`, codes of malformed XML
 */
export async function serverSecurity(asked: Asked, signal: AbortSignal): Promise<ServerSecurity> {
  const places = await placesOf(asked);
  let failure: unknown;
  for (const place of places.slice(0, 4)) {
    try {
      return await at(place, asked, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

async function placesOf({ as, domain, service }: Asked): Promise<readonly Place[]> {
  if (service !== undefined && URL.canParse(service)) {
    const { hostname, port, protocol } = new URL(service);
    const host = hostname.replace(/^\[|\]$/g, "");
    if (protocol === "xmpp:") return [{ host, port: Number(port || 5222), tls: "starttls" }];
    if (protocol === "xmpps:") return [{ host, port: Number(port || 5223), tls: "direct" }];
    return [{ host, port: Number(port || (protocol === "ws:" ? 80 : 443)), tls: "websocket" }];
  }
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const records = async (name: string, tls: Place["tls"]) =>
    (await resolver.resolveSrv(`_${name}._tcp.${domain}`).catch(() => [])) // no such record, or no DNS: the domain's own name is left
      .map(({ name: host, port, priority, weight }) => ({ host, port, tls, priority, weight }));
  const found = (await Promise.all([records(`xmpp-${as}`, "starttls"), records(`xmpps-${as}`, "direct")])).flat();
  const sorted = found.filter(({ host }) => host !== "").sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  return [...sorted, { host: domain, port: as === "client" ? 5222 : 5269, tls: "starttls" }];
}

async function at({ host, port, tls }: Place, asked: Asked, signal: AbortSignal): Promise<ServerSecurity> {
  const endpoint = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  signal.throwIfAborted();
  const sockets: Socket[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    const plain = connect({ host, port, noDelay: true });
    sockets.push(plain);
    await connected(plain, "connect", endpoint);
    if (tls === "websocket") return { endpoint, mechanisms: [], channelBinding: [], ...(port === 80 ? { tls: "none" } : await secured(plain, host, "direct", sockets, endpoint)) };
    if (tls === "direct") {
      const security = await secured(plain, asked.domain, "direct", sockets, endpoint);
      return { endpoint, ...security, ...offered((await greet(sockets.at(-1) as Socket, asked)).features, asked) };
    }
    const { features, startTls } = await greet(plain, asked);
    if (!features.getChild("starttls", NS_TLS)) return { endpoint, tls: "none", ...offered(features, asked) };
    await startTls();
    const security = await secured(plain, asked.domain, "starttls", sockets, endpoint);
    return { endpoint, ...security, ...offered((await greet(sockets.at(-1) as Socket, asked)).features, asked) };
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function secured(
  plain: Socket,
  servername: string,
  tls: "starttls" | "direct",
  sockets: Socket[],
  endpoint: string,
): Promise<Pick<ServerSecurity, "tls" | "protocol" | "cipher" | "certificate">> {
  // Any certificate is looked at: nothing secret is sent, and what is wrong with it is what is asked for.
  const socket = connectTls({ socket: plain, servername, rejectUnauthorized: false, ...(tls === "direct" && { ALPNProtocols: ["xmpp-client", "xmpp-server"] }) });
  sockets.push(socket);
  await connected(socket, "secureConnect", endpoint);
  return { tls, protocol: socket.getProtocol() ?? "unknown", cipher: socket.getCipher().standardName, certificate: certificateOf(socket, servername) };
}

function certificateOf(socket: TLSSocket, domain: string): ServerCertificate {
  const certificate = socket.getPeerCertificate();
  const { issuer, subject, valid_to: validTo } = certificate;
  const chain = socket.authorizationError as Error | string | null | undefined;
  const name = checkServerIdentity(domain, certificate);
  const refusal = chain ? (typeof chain === "string" ? chain : ((chain as NodeJS.ErrnoException).code ?? chain.message)) : name ? `it is not for ${domain}` : undefined;
  return {
    subject: subject?.CN ?? "",
    issuer: issuer?.O ?? issuer?.CN ?? "",
    validTo: Number.isNaN(Date.parse(validTo)) ? "" : new Date(validTo).toISOString(),
    ...(refusal !== undefined && { refusal }),
  };
}

const MOST = 32;

/** Mechanisms and channel binding, as SASL (RFC 6120 §6), SASL2 (XEP-0388) and XEP-0440 tell of them. */
function offered(features: Element, { as }: Asked): Pick<ServerSecurity, "mechanisms" | "channelBinding"> {
  const lists = [features.getChild("mechanisms", NS_SASL), features.getChild("authentication", NS_SASL2)];
  const mechanisms = lists.flatMap((list) => list?.getChildren("mechanism").map((one) => one.getText().slice(0, 64)) ?? []);
  if (as === "server" && features.getChild("dialback", "urn:xmpp:features:dialback")) mechanisms.push("dialback");
  const bindings = features.getChild("sasl-channel-binding", NS_CHANNEL_BINDING)?.getChildren("channel-binding") ?? [];
  return {
    mechanisms: [...new Set(mechanisms)].slice(0, MOST),
    channelBinding: bindings.flatMap(({ attrs }) => attrs.type?.slice(0, 64) ?? []).slice(0, MOST),
  };
}

function connected(socket: Socket, event: "connect" | "secureConnect", endpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void =>
      reject(
        new BalconyError(
          "failed-transport",
          `${endpoint} ${event === "connect" ? "cannot be reached" : "does no TLS"}${error ? `: ${(error as NodeJS.ErrnoException).code ?? error.message}` : ""}.`,
          {
            cause: error,
          },
        ),
      );
    socket
      .once(event, resolve)
      .on("error", fail)
      .once("close", () => fail());
  });
}
