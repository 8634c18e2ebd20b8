import punycode from "punycode/punycode.js";
import { hasRightToLeft, keepsBidiRule } from "./bidi-rule.js";
import { codePoint, codePoints, show } from "./code-points.js";
import { contextAllows } from "./contextual-rules.js";
import { JidError } from "./jid-error.js";
import { checkAssigned, lowerCase, mapWidth } from "./precis.js";

const LABEL_OCTETS = 63;

const no = (message: string) => new JidError("domainpart", message);
const tooLong = () => no(`has a label longer than ${LABEL_OCTETS} octets`);

/** A domainpart in its normal form (RFC 7622 §3.2): an IP address literal, or labels as IDNA2008 has them, A-labels turned into U-labels. */
export function normalizeDomain(text: string): string {
  if (text.startsWith("[")) return ipv6(text);
  checkAssigned(text);
  // RFC 7622 §3.2.2, by RFC 5895 §2: case, then width, then NFC.
  const mapped = mapWidth(lowerCase(text)).normalize("NFC");
  checkAssigned(mapped);
  const name = mapped.endsWith(".") ? mapped.slice(0, -1) : mapped; // RFC 7622 §3.2
  const labels = name.split(".").map(normalizeLabel);
  const bidi = labels.map(codePoints);
  // RFC 5893 §2: one label written from right to left puts all the others under the rule.
  if (bidi.some(hasRightToLeft) && !bidi.every(keepsBidiRule)) throw no("breaks the Bidi Rule (RFC 5893)");
  return labels.join(".");
}

function ipv6(text: string): string {
  if (!/^\[[0-9a-f:.]+\]$/i.test(text) || !URL.canParse(`http://${text}/`)) throw no("is no IPv6 address");
  return new URL(`http://${text}/`).hostname;
}

function normalizeLabel(text: string): string {
  if (!text.startsWith("xn--")) {
    checkLabel(text);
    return text;
  }
  const label = decode(text);
  checkLabel(label);
  // RFC 5890 §2.3.2.1: an A-label is what its U-label encodes to, and nothing else.
  if (aLabel(label) !== text) throw no(`${text} is no A-label`);
  return label;
}

function decode(text: string): string {
  if (text.length > LABEL_OCTETS) throw tooLong();
  try {
    return punycode.decode(text.slice(4));
  } catch (cause) {
    throw Object.assign(no(`${text} is no A-label`), { cause });
  }
}

function aLabel(label: string): string {
  return /^[\0-\x7f]*$/.test(label) ? label : `xn--${punycode.encode(label)}`;
}

// RFC 5891 §4.2.3 and §4.3
function checkLabel(label: string): void {
  const points = codePoints(label);
  const [first] = points;
  if (first === undefined) throw no("has an empty label");
  if (points.length > LABEL_OCTETS || aLabel(label).length > LABEL_OCTETS) throw tooLong();
  if (label.startsWith("-") || label.endsWith("-")) throw no("has a hyphen at the end of a label");
  if (label.startsWith("--", 2)) throw no("has two hyphens as third and fourth character of a label");
  if (codePoint(first).mark === "1") throw no("has a label that begins with a combining mark");
  if (label.normalize("NFC") !== label) throw no("has a label that is not in NFC");
  points.forEach((value, index) => {
    const { label: property } = codePoint(value);
    if (property === "pvalid") return;
    if ((property === "contextJ" || property === "contextO") && contextAllows(points, index)) return;
    if (property === "unassigned") throw new JidError("unassigned", `${show(value)} is not assigned in Unicode 15.0`);
    throw no(`${show(value)} is not allowed there`);
  });
}
