import { formatFingerprint } from "@balcony/trust";

const GROUPS_A_LINE = 4;

/** 64 hex digits in groups of eight, on two lines that fit 80 columns. */
export function onLines(spki: string): readonly string[] {
  const groups = formatFingerprint(spki).split(" ");
  return [groups.slice(0, GROUPS_A_LINE).join(" "), groups.slice(GROUPS_A_LINE).join(" ")];
}
