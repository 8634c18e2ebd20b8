import { SaxesParser } from "saxes";

/** A tag as saxes hands it to its handlers. */
export interface SaxesTag {
  readonly name: string;
  readonly isSelfClosing: boolean;
}

/**
 * What of saxes 6.0.0 (pinned) is used here. Its own types hide the fields that `.on()` fills: a subclass that declares them itself
 * keeps its objects in V8's fast mode, where seven calls of `.on()` cost two thirds of the speed. The states named `s…` are overridden
 * because saxes tells of a comment, processing instruction or DTD only when it has read the whole of it.
 */
interface SaxesCore {
  /** Index of the next character, counted over everything written, in UTF-16 code units. */
  readonly position: number;
  xmlDeclPossible: boolean;
  /** What stands behind `<!` so far. */
  readonly openWakaBang: string;
  /** The name of the tag being read. */
  readonly name: string;
  write(text: string): unknown;
  /** Is called for every fault. Whoever overrides it must throw. */
  fail(message: string): this;
  closeTag(): void;
  sOpenWakaBang(): void;
  sPIBody(): void;
  sPIEnding(): void;
}

export interface SaxesOptions {
  readonly position: false;
  readonly forceXMLVersion: true;
  readonly defaultXMLVersion: "1.0";
}

export const Saxes = SaxesParser as unknown as new (options: SaxesOptions) => SaxesCore;
