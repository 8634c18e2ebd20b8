import { isIP } from "node:net";
import { BalconyError } from "@balcony/channel";
import type { AddressPolicy } from "@balcony/jingle";
import { serverAddresses, streamAsker, UdpAsker } from "./exchange.js";
import type { Endpoint, Service, StunServer, TurnServer } from "./findings.js";
import { type Probing, probe } from "./probe.js";
import { allocateRequest, bindingRequest, type Credentials, releaseRequest, type StunAnswer, type StunRequest } from "./stun.js";

const TIMEOUT = 5_000;

/** Asks a STUN server where it sees us. */
export async function stunServer(service: Service, addresses: AddressPolicy, probing: Probing): Promise<StunServer> {
  const waitingFor = `the STUN server ${nameOf(service)} to say where it sees us`;
  const mapped = await probe(
    probing,
    { name: "stun", waitingFor, timeout: TIMEOUT },
    async (signal) => await atFirst(service, addresses, signal, async (ask) => needed((await ask(bindingRequest())).mapped, "The STUN server's answer holds no address.")),
  );
  return { service, mapped };
}

/** Has a TURN server relay for us, and lets go of that again. */
export async function turnServer(service: Service, addresses: AddressPolicy, probing: Probing): Promise<TurnServer> {
  const { username, password } = service;
  const waitingFor = `the TURN server ${nameOf(service)} to relay for us`;
  const relayed = await probe(
    probing,
    { name: "turn", waitingFor, timeout: TIMEOUT },
    async (signal) =>
      await atFirst(service, addresses, signal, async (ask) => {
        const first = await ask(allocateRequest());
        if (first.relayed) return first.relayed; // a relay for everybody
        const { code, nonce, realm } = first.error ?? { code: 0 };
        if (code !== 401 || realm === undefined || nonce === undefined) throw new BalconyError("failed-transport", `The TURN server refuses (${code}).`);
        if (username === undefined || password === undefined) throw new BalconyError("failed-transport", "The TURN server wants a password, and our server gives none.");
        const credentials: Credentials = { username, password, realm, nonce };
        const second = await ask(allocateRequest(credentials));
        if (second.error)
          throw new BalconyError(
            "failed-transport",
            second.error.code === 401 ? "The TURN server does not take the password that we were given." : `The TURN server refuses (${second.error.code}).`,
          );
        await ask(releaseRequest(credentials)).catch(() => undefined); // it ends by itself after a minute
        return needed(second.relayed, "The TURN server's answer holds no relayed address.");
      }),
  );
  return { service, relayed };
}

export const nameOf = ({ type, transport, host, port }: Service): string =>
  `${type}:${isIP(host) === 6 ? `[${host}]` : host}:${port} (${type.endsWith("s") ? "TLS" : transport.toUpperCase()})`;

type Ask = (request: StunRequest) => Promise<StunAnswer>;

/** Does this at the first of a server's addresses where it can be done. */
async function atFirst<T>(service: Service, addresses: AddressPolicy, signal: AbortSignal, work: (ask: Ask) => Promise<T>): Promise<T> {
  let failure: unknown;
  const found = await serverAddresses(service.host, addresses);
  for (const ip of found) {
    try {
      return await work(await asker(service, { ip, port: service.port }, TIMEOUT / (found.length + 1), signal));
    } catch (error) {
      if (signal.aborted) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

async function asker({ host, transport, type }: Service, to: Endpoint, timeout: number, signal: AbortSignal): Promise<Ask> {
  if (transport === "tcp" || type.endsWith("s")) {
    const { ask } = await streamAsker(to, type.endsWith("s") ? { servername: host } : undefined, signal);
    return ask;
  }
  const udp = await UdpAsker.open(isIP(to.ip) === 6 ? 6 : 4, signal);
  return async (request) => needed(await udp.ask(request, to, { timeout }), "No answer came. UDP may be blocked.");
}

function needed<T>(value: T | undefined, otherwise: string): T {
  if (value === undefined) throw new BalconyError("failed-transport", otherwise);
  return value;
}
