import type { Findings, Verdict } from "balcony";
import { paint } from "./colours.js";
import { folded, printable } from "./printable.js";

/** Is it as one would wish; worth knowing; wrong; or just said? */
type Weight = "good" | "note" | "problem" | "plain";

interface Row {
  readonly weight: Weight;
  readonly label: string;
  readonly text: string;
}

interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

const signs: Readonly<Record<Weight, string>> = { good: paint.green("✓"), note: paint.bold(paint.yellow("!")), problem: paint.bold(paint.red("✗")), plain: " " };
const LABEL = 14;
const INDENT = 2;

/** The report as a person reads it. Everything in it that a server or peer has said is made printable here. */
export function reportLines(findings: Findings, verdict: Verdict, columns: number): string[] {
  const sections = [server(findings), network(findings), relays(findings), inBand(findings), federation(findings), peer(findings)].filter((section) => section !== undefined);
  return [...sections.flatMap((section) => [...sectionLines(section, columns), ""]), ...verdictLines(verdict, columns)];
}

function sectionLines({ title, rows }: Section, columns: number): string[] {
  return [paint.bold(printable(title)), ...rows.map(({ label, text, weight }) => `${" ".repeat(INDENT)}${signs[weight]} ${body(label.padEnd(LABEL), text, columns)}`)];
}

function verdictLines({ lines, summary }: Verdict, columns: number): string[] {
  const weights = ["problem", "note", "good"] as const;
  const sorted = [...lines].sort((a, b) => weights.indexOf(a.weight) - weights.indexOf(b.weight));
  return [
    paint.bold("Verdict"),
    under(" ".repeat(INDENT), summary, columns),
    "",
    ...sorted.flatMap(({ advice, text, weight }) => [
      `${" ".repeat(INDENT)}${signs[weight]} ${body("", text, columns)}`,
      ...(advice === undefined ? [] : [under(`${" ".repeat(INDENT + 2)}→ `, advice, columns)]),
    ]),
  ];
}

/** What stands behind the sign: its later lines stand under its first. */
const body = (label: string, text: string, columns: number): string => under(" ".repeat(INDENT + 2) + label, text, columns).slice(INDENT + 2);

/** Text behind a beginning, with every later line as far in as the first. */
function under(first: string, text: string, columns: number): string {
  if (!Number.isFinite(columns)) return `${first}${printable(text)}`;
  const rest = " ".repeat(first.length);
  const [begin = "", ...others] = folded(printable(text), { columns, first, rest }).split("\n");
  return [begin, ...others.map((line) => `${rest}${line.trim()}`)].join("\n");
}

const row = (weight: Weight, label: string, text: string): Row => ({ weight, label, text });
const failure = (label: string, { failed }: { readonly failed: { readonly message: string } }, weight: Weight = "note"): Row => row(weight, label, failed.message);

function server({ features, self, server: security }: Findings): Section {
  const title = `Your server, ${self.replace(/^[^@]*@/, "").replace(/\/.*$/, "")}`;
  const rows: Row[] = [];
  if ("failed" in security) rows.push(failure("connection", security));
  else {
    const { certificate, channelBinding, cipher, endpoint, mechanisms, protocol, tls } = security.found;
    if (tls === "none") rows.push(row("problem", "connection", `${endpoint}, no TLS`));
    else rows.push(row(protocol === "TLSv1.3" ? "good" : "note", "connection", `${endpoint}, ${tls === "starttls" ? "STARTTLS" : "direct TLS"}: ${protocol}, ${cipher}`));
    if (certificate) {
      const { issuer, refusal, subject, validTo } = certificate;
      const what = `${subject}, by ${issuer || "nobody"}, until ${validTo.slice(0, 10) || "?"}`;
      rows.push(refusal === undefined ? row("good", "certificate", what) : row("problem", "certificate", `${what}: ${refusal}`));
    }
    if (mechanisms.length > 0) {
      const bound = mechanisms.some((name) => name.endsWith("-PLUS"));
      rows.push(row(bound ? "good" : "note", "login", mechanisms.join(", ")));
      rows.push(row(bound ? "good" : "note", "bound to TLS", bound ? channelBinding.join(", ") || "offered" : "not offered"));
    }
  }
  if ("failed" in features) rows.push(failure("features", features));
  else {
    const { count, name, useful } = features.found;
    const have = Object.entries(useful).flatMap(([feature, there]) => (there ? [feature] : []));
    rows.push(row("plain", "software", `${name ?? "unnamed"}, ${count} features${have.length > 0 ? `: ${have.join(", ")}` : ""}`));
  }
  return { title, rows };
}

const mappings = {
  none: "none: a public address",
  "endpoint-independent": "one port for all destinations",
  "address-dependent": "symmetric: a new port for each destination",
  unknown: "there is one; of which kind is not known",
} as const;
const filterings = {
  "endpoint-independent": "everybody",
  "address-dependent": "machines that were sent something",
  "address-and-port-dependent": "answers alone",
  unknown: "not known: the server has no second address",
} as const;

function network({ gateway, nat, stun }: Findings): Section {
  const rows = stun.map(({ mapped, service }) => {
    const label = `STUN, ${service.type === "stuns" ? "TLS" : service.transport.toUpperCase()}`;
    return "found" in mapped ? row("good", label, `${service.host} sees us at ${place(mapped.found)}`) : failure(label, mapped);
  });
  if (stun.length === 0) rows.push(row("note", "STUN", "no server to ask"));
  if ("failed" in nat) rows.push(failure("NAT", nat, stun.length === 0 ? "plain" : "note"));
  else {
    const { filtering, hairpin, local, mapped, mapping } = nat.found;
    rows.push(row(mapping === "address-dependent" ? "problem" : mapping === "unknown" ? "note" : "good", "NAT", mappings[mapping]));
    rows.push(row("plain", "", `${place(local)} is seen as ${place(mapped)}`));
    rows.push(row(filtering === "endpoint-independent" ? "good" : "plain", "lets in", filterings[filtering]));
    if (mapping !== "none") rows.push(row("plain", "hairpin", hairpin ? "yes: two machines behind it reach each other by its address" : "no"));
  }
  rows.push(
    "found" in gateway ? row("good", "router", `maps ports by ${gateway.found.protocol}, on ${gateway.found.external.ip}`) : row("plain", "router", gateway.failed.message),
  );
  return { title: "This network", rows };
}

function relays({ proxies, services, turn }: Findings): Section {
  const rows: Row[] = [];
  if ("failed" in proxies) rows.push(failure("proxies", proxies));
  else if (proxies.found.length === 0) rows.push(row("note", "SOCKS5 proxy", "the server has none"));
  else
    for (const { carried, host, jid, port } of proxies.found) {
      const where = `${jid} at ${place({ ip: host, port })}`;
      rows.push(
        "found" in carried ? row("good", "SOCKS5 proxy", `${where}: carries, after ${carried.found.ms} ms`) : row("problem", "SOCKS5 proxy", `${where}: ${carried.failed.message}`),
      );
    }
  for (const { relayed, service } of turn) {
    const label = `TURN, ${service.type === "turns" ? "TLS" : service.transport.toUpperCase()}`;
    const where = place({ ip: service.host, port: service.port });
    rows.push("found" in relayed ? row("good", label, `${where}: relays at ${place(relayed.found)}`) : row("problem", label, `${where}: ${relayed.failed.message}`));
  }
  if ("failed" in services) rows.push(failure("TURN", services));
  else if (turn.length === 0) rows.push(row("note", "TURN", "the server names none"));
  return { title: "Relays", rows };
}

function inBand({ inBand: carried }: Findings): Section {
  const title = "Through the server, in-band";
  if ("failed" in carried) return { title, rows: [failure("blocks", carried, "problem")] };
  const { blockSize, bytes, rate, roundTrip, throttled } = carried.found;
  const perSecond = rate >= 1_000_000 ? `${(rate / 1_000_000).toFixed(1)} MB/s` : `${(rate / 1000).toFixed(rate < 10_000 ? 1 : 0)} kB/s`;
  return {
    title,
    rows: [
      row("plain", "round trip", `${roundTrip} ms`),
      row(throttled ? "note" : "good", "blocks", `of ${blockSize} bytes, ${perSecond}${throttled ? ": the server holds them back" : ""}`),
      row("plain", "measured", `with ${Math.round(bytes / 1000)} kB to ourselves`),
    ],
  };
}

function federation({ federation: found }: Findings): Section | undefined {
  if (!found) return undefined;
  const { domain, roundTrip, security } = found;
  const rows: Row[] = ["found" in roundTrip ? row("good", "answers", `through your server, after ${roundTrip.found.ms} ms`) : failure("answers", roundTrip, "problem")];
  if ("failed" in security) rows.push(failure("connection", security));
  else {
    const { certificate, endpoint, mechanisms, protocol, tls } = security.found;
    rows.push(tls === "none" ? row("problem", "offers", `${endpoint}, no TLS`) : row("good", "offers", `${endpoint}, ${protocol}, certificate ${certificate?.refusal ?? "holds"}`));
    if (mechanisms.length > 0) rows.push(row("plain", "trust by", mechanisms.join(", ")));
  }
  rows.push(row("plain", "agreed", "what your server and theirs use between them is not shown to clients"));
  return { title: `Their server, ${domain}`, rows };
}

function peer({ peer: found }: Findings): Section | undefined {
  if (!found) return undefined;
  const title = "Their devices";
  if ("failed" in found) return { title, rows: [failure("devices", found, "problem")] };
  const rows = found.found.resources.map(({ address, streams, transports, xtls }) => {
    const device = address.replace(/^[^/]*\//, "");
    if (!streams) return row("note", "no streams", device);
    return row("good", "streams", `${device}: ${transports.join(", ") || "no transport known here"}${xtls ? "; TLS at once" : ""}`);
  });
  return { title, rows: rows.length > 0 ? rows : [row("note", "devices", "none shows itself")] };
}

const place = ({ ip, port }: { readonly ip: string; readonly port: number }): string => `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
