import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { isStunMessage, parseMessage, StunOverTurnProtocol } from "werift";
import type { IceInternals, RelayedInternals, UdpInternals } from "./internals.js";

/** Makes one transport of werift's keep to RFC 8445 §7.3 and RFC 6347 where it does not by itself. */
export function guard(connection: IceInternals): void {
  // RFC 8445 §5.3: 24 and 128 bits at least; werift's own have 16 and 88.
  connection.localUsername = randomBytes(6).toString("base64");
  connection.localPassword = randomBytes(24).toString("base64");
  connection.userHistory[connection.localUsername] = connection.localPassword;
  const ensureProtocol = connection.ensureProtocol.bind(connection);
  connection.ensureProtocol = (protocol) => {
    if (protocol instanceof StunOverTurnProtocol) {
      const relayed = protocol as unknown as RelayedInternals;
      const receive = relayed.handleStunMessage;
      relayed.handleStunMessage = (data, from) => {
        if (mayEnter(connection, data, from)) receive(data, from);
      };
    } else {
      const udp = protocol as unknown as UdpInternals;
      const receive = udp.datagramReceived.bind(udp);
      udp.datagramReceived = (data, from) => {
        if (mayEnter(connection, data, from)) receive(data, from);
      };
    }
    ensureProtocol(protocol);
  };
}

/** werift answers every STUN request, changes its role on anybody's word, and takes data from any address. */
function mayEnter(connection: IceInternals, data: Buffer, from: readonly [string, number]): boolean {
  // RFC 7983 §7: DTLS, which is nearly all that comes.
  if ((data[0] ?? 0) > 3 || !isStunMessage(data)) {
    for (const { remoteAddr } of connection.candidatePairs) if (remoteAddr[0] === from[0] && remoteAddr[1] === from[1]) return true;
    return false;
  }
  const isRequest = (data.readUInt16BE(0) & 0x0110) === 0;
  if (!isRequest) return true; // answers are matched with their request, and their integrity checked, by werift
  try {
    const message = parseMessage(data, Buffer.from(connection.localPassword));
    const username: unknown = message?.getAttributeValue("USERNAME");
    return message?.attributesKeys.includes("MESSAGE-INTEGRITY") === true && username === `${connection.localUsername}:${connection.remoteUsername}`;
  } catch {
    return false;
  }
}
