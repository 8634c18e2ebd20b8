export { type ExamineOptions, examine } from "./examine.js";
export type {
  Endpoint,
  Federation,
  Findings,
  Gateway,
  InBand,
  Nat,
  Outcome,
  Peer,
  PeerResource,
  ProxyServer,
  ServerCertificate,
  ServerFeatures,
  ServerSecurity,
  Service,
  StunServer,
  TurnServer,
} from "./findings.js";
export type { ProbeProgress } from "./probe.js";
export { type Verdict, type VerdictLine, verdict } from "./verdict.js";
