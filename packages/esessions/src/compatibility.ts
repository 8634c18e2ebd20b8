/** Where the texts of XEP-0116, 0217, 0155 and 0200 disagree with each other or with what is deployed, one field each. */
export interface Compatibility {
  readonly name: "deployed" | "strict";
  /**
   * How many octets of an HMAC make a cipher key. XEP-0116: as many as the cipher's key has, the least significant. The deployed take the whole HMAC whatever the name
   * says, so that `aes128-ctr` is AES-256 on the wire.
   */
  readonly cipherKey: "least-significant" | "whole";
  /** Octets of MAC and SIGMA keys. XEP-0116: the maximum. `128-bit` is XEP-0217's reading, "only the 128 least significant bits … for each key", which nobody deployed. */
  readonly macKey: "whole" | "128-bit";
  /** The counter of a message's first block. XEP-0116 increments for each block encrypted, so the first has C; the deployed increment before, so it has C + 1. */
  readonly firstBlock: "counter" | "counter-plus-one";
  /** What becomes of the keystream left in a partial block. The XEP counts partial blocks as blocks; the deployed go on with what is left in the next message. */
  readonly partialBlock: "skipped" | "continued";
  /** The deployed pad plaintext with spaces to whole blocks, which makes `partialBlock` the same thing either way. XEP-0200 only allows it. Counted in octets of UTF-8. */
  readonly padding: "none" | "to-block";
  /** The counter in the identity's MAC: XEP-0116's multiple-precision integers have no leading zero octets, and the deployed keep to that here. */
  readonly identityMacCounter: "minimal" | "padded";
  /** The counter in a stanza's MAC, as we send it. Of the deployed one side pads both ways, the other sends minimal and verifies padded. */
  readonly stanzaMacCounter: "minimal" | "padded";
  /** Whether a stanza's MAC over the other form of the counter is taken, too: for the deployed peer that sends minimal and verifies padded. */
  readonly eitherMacCounter: boolean;
  /** Empty elements in the canonical form: XML canonicalisation has start and end tag; the deployed write `<required />`, with a space. */
  readonly emptyElement: "tag-pair" | "space-slash";
  /** Termination: XEP-0116 wants it encrypted; XEP-0155 and the deployed send it clear. We always send it encrypted, and here also clear. */
  readonly clearTermination: boolean;
  /** The answer to a d out of range: XEP-0116 says not-acceptable; the deployed test bots expect feature-not-implemented for every tampering. */
  readonly badKeyAnswer: "not-acceptable" | "feature-not-implemented";
  /** Whether response fields say their type: the deployed write `type="text-single"` on each. */
  readonly responseTypes: boolean;
}

/** What the implementations of 2007 to 2018 do, as seen in their traffic. */
export const deployed: Compatibility = Object.freeze({
  name: "deployed",
  cipherKey: "whole",
  macKey: "whole",
  firstBlock: "counter-plus-one",
  partialBlock: "continued",
  padding: "to-block",
  identityMacCounter: "minimal",
  stanzaMacCounter: "padded",
  eitherMacCounter: true,
  emptyElement: "space-slash",
  clearTermination: true,
  badKeyAnswer: "feature-not-implemented",
  responseTypes: true,
});

/** XEP-0116 to the letter. */
export const strict: Compatibility = Object.freeze({
  name: "strict",
  cipherKey: "least-significant",
  macKey: "whole",
  firstBlock: "counter",
  partialBlock: "skipped",
  padding: "none",
  identityMacCounter: "minimal",
  stanzaMacCounter: "minimal",
  eitherMacCounter: false,
  emptyElement: "tag-pair",
  clearTermination: false,
  badKeyAnswer: "not-acceptable",
  responseTypes: false,
});
