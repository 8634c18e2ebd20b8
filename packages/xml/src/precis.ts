import { hasRightToLeft, keepsBidiRule } from "./bidi-rule.js";
import { codePoint, codePoints, show } from "./code-points.js";
import { contextAllows } from "./contextual-rules.js";
import { JidError, type JidFault } from "./jid-error.js";

// RFC 8264 §7: applied until nothing changes any more, three times more at most.
const ROUNDS = 4;

/** Full-width and half-width code points: in either of the two classes only those whose decompositions are the same by NFKC can stand. */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffee]/g, (character) => character.normalize("NFKC"));
}

/**
 * Lower case, each code point for itself: no sigma becomes a final one for what follows it. So do the servers there are, and
 * the same capitals have the same form wherever they stand.
 */
export function lowerCase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join("");
}

/** Refuses code points that Unicode 15.0 does not know, before the runtime's own tables, whatever their version, are asked anything. */
export function checkAssigned(text: string): void {
  for (const value of codePoints(text)) {
    if (codePoint(value).precis === "unassigned") throw new JidError("unassigned", `${show(value)} is not assigned in Unicode 15.0`);
  }
}

/** RFC 8265 §3.3, UsernameCaseMapped. */
export function usernameCaseMapped(text: string, fault: JidFault): string {
  return stable(text, fault, (before) => {
    const narrow = mapWidth(before);
    checkClass(narrow, "IdentifierClass", fault);
    const mapped = lowerCase(narrow).normalize("NFC");
    const points = codePoints(mapped);
    if (hasRightToLeft(points) && !keepsBidiRule(points)) throw new JidError(fault, "breaks the Bidi Rule (RFC 5893)");
    return mapped;
  });
}

/** RFC 8265 §4.2, OpaqueString. */
export function opaqueString(text: string, fault: JidFault): string {
  return stable(text, fault, (before) => {
    checkClass(before, "FreeformClass", fault);
    return before.replace(/\p{Zs}/gu, " ").normalize("NFC");
  });
}

function stable(text: string, fault: JidFault, enforce: (text: string) => string): string {
  checkAssigned(text);
  let now = text;
  for (let round = 0; round < ROUNDS; round++) {
    const next = enforce(now);
    if (next === "") throw new JidError(fault, "is empty");
    checkAssigned(next);
    if (next === now) return next;
    now = next;
  }
  throw new JidError(fault, "has no normal form");
}

function checkClass(text: string, allowed: "IdentifierClass" | "FreeformClass", fault: JidFault): void {
  const points = codePoints(text);
  points.forEach((value, index) => {
    const { precis } = codePoint(value);
    if (precis === "pvalid" || (precis === "freeform" && allowed === "FreeformClass")) return;
    if ((precis === "contextJ" || precis === "contextO") && contextAllows(points, index)) return;
    throw new JidError(fault, `${show(value)} is not allowed there`);
  });
}
