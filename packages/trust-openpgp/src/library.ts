import type { Config } from "openpgp";

/** Loaded when it is needed, and not before: it is large. */
export const library = async () => await import("openpgp");

export type OpenPgp = Awaited<ReturnType<typeof library>>;

/**
 * What is accepted: nothing that rests on SHA-1 or weaker, also in what a key says of itself; RSA of 2048 bits and more; no DSA, no ElGamal. Nothing is unpacked: a statement is not compressed.
 */
export function strict({ config, enums }: OpenPgp): Config {
  const weak = new Set([enums.hash.md5, enums.hash.ripemd, enums.hash.sha1, enums.hash.sha224]);
  return {
    ...config,
    minRSABits: 2048,
    rejectHashAlgorithms: weak,
    rejectMessageHashAlgorithms: weak,
    rejectPublicKeyAlgorithms: new Set([enums.publicKey.elgamal, enums.publicKey.dsa]),
    maxDecompressedMessageSize: 65_536,
    enableParsingV5Entities: false,
    // A key whose life was made longer may be kept without what it said of itself before. It is good now, which is asked for beside.
    allowInsecureVerificationWithReformattedKeys: true,
  };
}

/** Takes what is too weak: only to find out whether that is all that is wrong. */
export const lenient = (openpgp: OpenPgp): Config => ({
  ...strict(openpgp),
  minRSABits: 0,
  rejectHashAlgorithms: new Set(),
  rejectMessageHashAlgorithms: new Set(),
  rejectPublicKeyAlgorithms: new Set(),
  rejectCurves: new Set(),
});
