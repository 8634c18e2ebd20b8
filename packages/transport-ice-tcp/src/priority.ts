import { createHash } from "node:crypto";
import { candidatePriority } from "werift";
import type { Candidate, CandidateType, TcpType } from "./candidate.js";

/** A candidate of ours, with RFC 6544 §4.2's priority. @param preference of its network: from 0 to 8191, higher is better */
export function ownCandidate(given: Pick<Candidate, "ip" | "port" | "type" | "tcptype" | "base">, preference: number): Candidate {
  const { ip, type, tcptype, base } = given;
  return { ...given, foundation: foundationOf(`${type} ${base?.ip ?? ip} ${tcptype}`), priority: priorityOf(type, tcptype, preference) };
}

export function priorityOf(type: CandidateType, tcptype: TcpType, preference = 8191): number {
  return candidatePriority(type, { transport: "tcp", tcptype, otherPreference: preference });
}

// RFC 8445 §5.1.1.3: the same for the same type, base and protocol; what it says beyond that is nobody's business.
const foundationOf = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 8);
