/** What one XML stream may make its reader hold. Every field can be set; see docs/limits.md. */
export interface Limits {
  /** Bytes of one child of the stream, tags included. Default 256 KiB. */
  readonly stanzaBytes: number;
  /** Levels of nesting, the stream's root not counted. Default 64. */
  readonly depth: number;
  /** Attributes of one element, namespace declarations included. Default 64. */
  readonly attributes: number;
  /** Bytes of one attribute's value. Default 8 KiB. */
  readonly attributeBytes: number;
  /** Child elements of one element. Default 1,024. */
  readonly children: number;
}

export const defaultLimits: Limits = Object.freeze({
  stanzaBytes: 256 * 1024,
  depth: 64,
  attributes: 64,
  attributeBytes: 8 * 1024,
  children: 1024,
});

/**
 * What the client's own server may make it hold: rosters, archives and avatars come whole, and closing that stream means being offline.
 * 10 MiB a stanza, 64 Ki children of one element, 64 KiB an attribute.
 */
export const clientLimits: Limits = Object.freeze({
  ...defaultLimits,
  stanzaBytes: 10 * 1024 * 1024,
  attributeBytes: 64 * 1024,
  children: 64 * 1024,
});
