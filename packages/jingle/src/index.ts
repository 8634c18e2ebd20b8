export type { Senders } from "./action.js";
export type { Limits } from "./admission.js";
export type { Timing } from "./driver.js";
export { type InitiateOptions, Jingle, type JingleOptions } from "./jingle.js";
export { NS_JINGLE, NS_JINGLE_ERRORS } from "./namespaces.js";
export type { AcceptOptions, Offer } from "./offer.js";
export type { Application, Connection, Role, Security, Transport, TransportAttempt, TransportContext } from "./plugins.js";
export { type Reason, type ReasonDetail, reasons } from "./reason.js";
export type { InfoHandler, NegotiationProgress, Session } from "./session.js";
