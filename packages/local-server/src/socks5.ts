/** What the server's side of SOCKS5 does next (RFC 1928 as narrowed by XEP-0065 §7): wait for more, greet, take the request, or refuse. */
export type SocksStep =
  | { readonly is: "wait" }
  | { readonly is: "greeted"; readonly reply: Uint8Array; readonly read: number }
  | { readonly is: "requested"; readonly reply: Uint8Array; readonly read: number; readonly destination: string }
  | { readonly is: "refused"; readonly reply: Uint8Array };

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 1;
const DOMAIN_NAME = 3;
const HASH_LENGTH = 40;
const COMMAND_NOT_SUPPORTED = 7;
const ADDRESS_TYPE_NOT_SUPPORTED = 8;
const NOT_ALLOWED = 2;

const refused = (...reply: number[]): SocksStep => ({ is: "refused", reply: Uint8Array.from(reply) });
const refusedRequest = (reason: number): SocksStep => refused(VERSION, reason, 0, 1, 0, 0, 0, 0, 0, 0);

/** Reads the greeting: VER, NMETHODS, METHODS. */
export function readGreeting(bytes: Uint8Array): SocksStep {
  const [version, count] = bytes;
  if (version !== undefined && version !== VERSION) return refused(VERSION, NO_ACCEPTABLE_METHOD);
  if (count === undefined || bytes.length < 2 + count) return { is: "wait" };
  if (!bytes.subarray(2, 2 + count).includes(NO_AUTHENTICATION)) return refused(VERSION, NO_ACCEPTABLE_METHOD);
  return { is: "greeted", reply: Uint8Array.of(VERSION, NO_AUTHENTICATION), read: 2 + count };
}

/** Reads the request: VER, CMD, RSV, ATYP, and as DST.ADDR a hash of 40 hexadecimal digits with DST.PORT 0. */
export function readRequest(bytes: Uint8Array): SocksStep {
  const [version, command, , type, length] = bytes;
  if (version !== undefined && version !== VERSION) return refusedRequest(NOT_ALLOWED);
  if (command !== undefined && command !== CONNECT) return refusedRequest(COMMAND_NOT_SUPPORTED);
  if (type !== undefined && type !== DOMAIN_NAME) return refusedRequest(ADDRESS_TYPE_NOT_SUPPORTED);
  if (length !== undefined && length !== HASH_LENGTH) return refusedRequest(NOT_ALLOWED);
  const end = 5 + HASH_LENGTH + 2;
  if (bytes.length < end) return { is: "wait" };
  const destination = Buffer.from(bytes.subarray(5, 5 + HASH_LENGTH)).toString("latin1");
  if (!/^[0-9a-f]{40}$/i.test(destination) || bytes[end - 2] !== 0 || bytes[end - 1] !== 0) return refusedRequest(NOT_ALLOWED);
  // XEP-0065 §7: BND.ADDR and BND.PORT repeat what was asked for.
  const reply = Uint8Array.from(bytes.subarray(0, end));
  reply[1] = 0;
  return { is: "requested", reply, read: end, destination: destination.toLowerCase() };
}
