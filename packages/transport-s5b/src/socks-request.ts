/** What the server's side of SOCKS5 does next (RFC 1928, as narrowed by XEP-0065 §7): wait for more, greet, grant, or refuse. */
export type SocksStep =
  | { readonly is: "wait" }
  | { readonly is: "greeted"; readonly reply: Uint8Array; readonly read: number }
  /** `hash`: 40 lower-case hex digits. */
  | { readonly is: "granted"; readonly reply: Uint8Array; readonly read: number; readonly hash: string }
  | { readonly is: "refused"; readonly reply: Uint8Array };

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 1;
const DOMAIN_NAME = 3;
const HASH_LENGTH = 40;
const NOT_ALLOWED = 2;
const COMMAND_NOT_SUPPORTED = 7;
const ADDRESS_TYPE_NOT_SUPPORTED = 8;

const refused = (...reply: number[]): SocksStep => ({ is: "refused", reply: Uint8Array.from(reply) });
const refusedRequest = (reason: number): SocksStep => refused(VERSION, reason, 0, 1, 0, 0, 0, 0, 0, 0);

/** RFC 1928 §3: VER, NMETHODS, METHODS. */
export function readGreeting(bytes: Uint8Array): SocksStep {
  const [version, count] = bytes;
  if (version !== undefined && version !== VERSION) return refused(VERSION, NO_ACCEPTABLE_METHOD);
  if (count === 0) return refused(VERSION, NO_ACCEPTABLE_METHOD);
  if (count === undefined || bytes.length < 2 + count) return { is: "wait" };
  if (!bytes.subarray(2, 2 + count).includes(NO_AUTHENTICATION)) return refused(VERSION, NO_ACCEPTABLE_METHOD);
  return { is: "greeted", reply: Uint8Array.of(VERSION, NO_AUTHENTICATION), read: 2 + count };
}

/** RFC 1928 §4: VER, CMD, RSV, ATYP, DST.ADDR, DST.PORT, where XEP-0065 §7 leaves one address: the hash of a bytestream that `accepts` knows, with port 0. */
export function readRequest(bytes: Uint8Array, accepts: (hash: string) => boolean = () => true): SocksStep {
  const [version, command, reserved, type, length] = bytes;
  if (version !== undefined && version !== VERSION) return refusedRequest(NOT_ALLOWED);
  if (command !== undefined && command !== CONNECT) return refusedRequest(COMMAND_NOT_SUPPORTED);
  if (reserved !== undefined && reserved !== 0) return refusedRequest(NOT_ALLOWED);
  if (type !== undefined && type !== DOMAIN_NAME) return refusedRequest(ADDRESS_TYPE_NOT_SUPPORTED);
  if (length !== undefined && length !== HASH_LENGTH) return refusedRequest(NOT_ALLOWED);
  const end = 5 + HASH_LENGTH + 2;
  if (bytes.length < end) return { is: "wait" };
  const hash = Buffer.from(bytes.subarray(5, 5 + HASH_LENGTH))
    .toString("latin1")
    .toLowerCase();
  if (!/^[0-9a-f]{40}$/.test(hash) || bytes[end - 2] !== 0 || bytes[end - 1] !== 0 || !accepts(hash)) return refusedRequest(NOT_ALLOWED);
  const reply = Uint8Array.from(bytes.subarray(0, end)); // XEP-0065 §5.3.2: BND.ADDR and BND.PORT are what was asked for
  reply[1] = 0;
  return { is: "granted", reply, read: end, hash };
}
