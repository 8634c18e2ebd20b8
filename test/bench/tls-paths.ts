// TLS over the direct paths on loopback, against node:tls on a bare TCP connection: 64 KiB writes, both ends in one process.
import { iceTcp } from "@balcony/transport-ice-tcp";
import { s5b } from "@balcony/transport-s5b";
import { interleaved } from "./interleaved.js";
import { bareTlsPair, securedPair } from "./pairs.js";
import { atLeast, report } from "./row.js";
import { rate } from "./throughput.js";
import { transportPair } from "./transport-pair.js";

const ROUNDS = 7;
const figures = await interleaved(ROUNDS, {
  s5b: async () => await rate(async () => await securedPair(await transportPair(s5b()))),
  iceTcp: async () => await rate(async () => await securedPair(await transportPair(iceTcp()))),
  bare: async () => await rate(bareTlsPair),
});
report([
  atLeast("S5B direct with TLS, 64 KiB writes, against bare node:tls", 0.9, { unit: "MB/s", values: figures.s5b, baselines: figures.bare }),
  atLeast("ICE-TCP with TLS, likewise", 0.7, { unit: "MB/s", values: figures.iceTcp, baselines: figures.bare }),
]);
process.exit();
