import type { IceServer } from "@balcony/jingle";
import { Candidate, candidateFoundation, candidatePriority, type StunProtocol, serverReflexiveCandidate } from "werift";
import type { IceInternals } from "./internals.js";
import { type ServerAddress, serverAddress } from "./server-address.js";
import { relayBy } from "./turn.js";

export interface Gathering {
  use(connection: IceInternals): void;
  stop(): void;
}

/** Gathers as RFC 8445 §5.1.1 has it, from every server named; host candidates wait for none of them. */
export function gatherWith({ servers, relayOnly, ca }: { readonly servers: readonly IceServer[]; readonly relayOnly: boolean; readonly ca: string | undefined }): Gathering {
  const addresses = servers.flatMap((server) => [server.urls].flat().flatMap((url) => serverAddress(url, server) ?? []));
  let stopped = false;
  const server = async (connection: IceInternals, address: ServerAddress) => {
    if (address.kind === "turn") await relayed(connection, { address, ca }, () => stopped);
    else if (!relayOnly) await reflexive(connection, address);
  };
  return {
    use: (connection) => {
      // Left undefined, it would be a public server of somebody's choice.
      connection.stunServer = undefined;
      const gather = connection.getCandidatePromises.bind(connection);
      connection.getCandidatePromises = (interfaces, timeout) => {
        const hosts = relayOnly ? [] : gather(interfaces, timeout);
        void Promise.allSettled(hosts).then(async () => await Promise.allSettled(stopped ? [] : addresses.map((address) => server(connection, address))));
        return hosts;
      };
    },
    stop: () => {
      stopped = true;
    },
  };
}

async function reflexive(connection: IceInternals, { host, port }: ServerAddress): Promise<void> {
  const hosts = connection.protocols.filter((protocol): protocol is StunProtocol => protocol.type === "stun");
  await Promise.allSettled(
    hosts.map(async (protocol) => {
      const candidate = await serverReflexiveCandidate(protocol, [host, port]);
      const known = connection.localCandidates.some((other) => other.host === candidate?.host && other.port === candidate.port);
      if (candidate && !known && connection.state !== "closed") connection.appendLocalCandidate(candidate);
    }),
  );
}

async function relayed(connection: IceInternals, { address, ca }: { readonly address: ServerAddress; readonly ca: string | undefined }, stopped: () => boolean): Promise<void> {
  const protocol = await relayBy(address, { ca });
  if (stopped()) {
    await protocol.close();
    return;
  }
  connection.ensureProtocol(protocol);
  const [host, port] = protocol.turn.relayedAddress;
  protocol.localCandidate = new Candidate(
    candidateFoundation("relay", "udp", host),
    1,
    "udp",
    candidatePriority("relay"),
    host,
    port,
    "relay",
    undefined,
    undefined,
    undefined,
    connection.generation,
    connection.localUsername,
  );
  connection.protocols.push(protocol);
  connection.pairLocalProtocol(protocol);
  connection.appendLocalCandidate(protocol.localCandidate);
}
