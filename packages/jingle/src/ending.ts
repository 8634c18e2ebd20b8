import { BalconyError, type ErrorCode } from "@balcony/channel";
import type { ReceivedReason } from "./reason.js";
import type { State } from "./state.js";

/** An error about this session's peer. */
export const fault = ({ peer }: State, code: ErrorCode, message: string, detail: { readonly condition?: string | undefined; readonly cause?: unknown } = {}) =>
  new BalconyError(code, message, { ...detail, peer });

/** Nothing that both know would connect. */
export const failedTransport = (state: State, cause: Error | undefined) =>
  fault(state, "failed-transport", cause ? `No transport would connect: ${cause.message}` : "No transport would connect.", { condition: "failed-transport", cause });

/** RFC 6120 §8.3.3: what servers say for a peer that is not there, and peers that do not want to be. */
const absent = ["gone", "item-not-found", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout", "service-unavailable", "subscription-required"];

/** The peer, or a server for it, answered our offer or acceptance with an error. */
export function refusedBy(state: State, error: BalconyError): BalconyError {
  const { condition } = error;
  if (condition !== undefined && absent.includes(condition))
    return fault(state, "peer-unavailable", `${state.peer} is not there, or not for us (${condition}).`, { condition, cause: error });
  if (condition === "resource-constraint") return fault(state, "busy", `${state.peer} has too much to do.`, { condition, cause: error });
  return error;
}

/** What a peer's reason means to whoever waits for the session. */
const codes: Readonly<Record<string, ErrorCode>> = {
  busy: "busy",
  cancel: "cancelled",
  "connectivity-error": "failed-transport",
  decline: "declined",
  expired: "expired",
  "failed-transport": "failed-transport",
  "security-error": "security-error",
  timeout: "expired",
  "unsupported-applications": "unsupported-applications",
  "unsupported-transports": "unsupported-transports",
};

/** The peer ended the session. */
export function peersEnding(state: State, reason: ReceivedReason | undefined): BalconyError {
  const { condition, text, alternative } = reason ?? { condition: undefined, text: undefined, alternative: undefined };
  const said = text ? `: ${JSON.stringify(text)}` : alternative ? `: it prefers session ${JSON.stringify(alternative)}` : "";
  const message = `${state.peer} ended the session (${condition ?? "without a reason"})${said}.`;
  // XEP-0247 §2 ends a session that has done its work without any reason.
  if (state.phase === "connected") return fault(state, condition === "success" || reason === undefined ? "closed" : "session-ended", message, { condition });
  return fault(state, (condition !== undefined && Object.hasOwn(codes, condition) && codes[condition]) || "session-ended", message, { condition });
}
