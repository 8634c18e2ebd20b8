import { createHmac, timingSafeEqual } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import { corrupt } from "./shape.js";

/** What a file says about itself before anything in it is believed. */
export interface Header {
  readonly format: string;
  /** The one that is written, and the newest that is read. */
  readonly version: number;
  /** The oldest that is read; where it is left out, the one that is written. */
  readonly oldest?: number;
}

const HEAD = /^\{\n {2}"format": "([a-z-]{1,40})",\n {2}"version": (\d{1,9}),\n/u;
const TAIL = /,\n {2}"mac": "([0-9a-f]{64})"\n\}\n$/u;

/** JSON that people can read, with a MAC (HMAC-SHA-256) as its last line over every byte before that line. The format's name is its first line, so that one file never stands for another. */
export function renderSigned({ format, version }: Header, body: object, key: Uint8Array): string {
  const unsigned = JSON.stringify({ format, version, ...body }, null, 2).slice(0, -"\n}".length);
  return `${unsigned},\n  "mac": "${macOf(unsigned, key).toString("hex")}"\n}\n`;
}

/** Checks format and version, before which nothing else is looked at. Throws `store-corrupt`, `store-version`. */
export function checkHeader(text: string, { format, version, oldest = version }: Header): void {
  const [, foundFormat, foundVersion] = HEAD.exec(text) ?? [];
  if (foundFormat !== format) throw corrupt(`no ${format} file`);
  if (Number(foundVersion) > version)
    throw new BalconyError("store-version", `The trust store was written by a newer version of Balcony (${foundVersion}; this one knows ${version}).`, { phase: "store" });
  if (Number(foundVersion) < oldest) throw corrupt(`version ${foundVersion} never was`);
}

/** Checks the MAC. Throws `store-corrupt` where there is none, as in a file cut short, and `store-tampered` where it is wrong. */
export function checkMac(text: string, key: Uint8Array): void {
  const tail = TAIL.exec(text);
  if (!tail?.[1]) throw corrupt("the file is cut short");
  if (!timingSafeEqual(macOf(text.slice(0, tail.index), key), Buffer.from(tail[1], "hex"))) throw tampered("it is not what Balcony wrote");
}

export function tampered(what: string): BalconyError {
  return new BalconyError("store-tampered", `The trust store cannot be believed: ${what}.`, {
    phase: "store",
    hint: "If you restored one of its files from a backup, restore the other as well. If you did not, somebody else has changed it.",
  });
}

function macOf(text: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}
