export { ClientParser, type ClientParserEvents, type ClientParserOptions, FramedClientParser } from "./client-parser.js";
export { clone } from "./clone.js";
export { type Attributes, childElements, type Element, isElement, type Node, onlyChild, xml } from "./element.js";
export { bare, domainOf, isFull, type Jid, type JidParts, normalize, parseJid } from "./jid.js";
export { JidError, type JidFault } from "./jid-error.js";
export { clientLimits, defaultLimits, type Limits } from "./limits.js";
export { parseElement, type StreamHandlers, StreamParser } from "./parser.js";
export { type SerializeOptions, serialize } from "./serialize.js";
export { type XmlCondition, XmlError } from "./xml-error.js";
