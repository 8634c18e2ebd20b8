/** The stream error conditions (RFC 6120 §4.9.3) that the parser itself can find, or that reading a stream's header can. */
export type XmlCondition =
  | "bad-format"
  | "bad-namespace-prefix"
  | "invalid-namespace"
  | "invalid-xml"
  | "not-well-formed"
  | "policy-violation"
  | "restricted-xml"
  | "unsupported-encoding";

/** Input that is not the XML a stream may carry. `condition` is what RFC 6120 §4.9.3 calls it. */
export class XmlError extends Error {
  override readonly name = "XmlError";
  constructor(
    readonly condition: XmlCondition,
    message: string,
  ) {
    super(message);
  }
}
