import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { exportIdentity } from "../../src/index.js";
import { romeo } from "../pairs.js";

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

it("authorities that the environment adds decide nothing: everybody is judged by accept(), and nobody without a certificate gets that far", async () => {
  const folder = await mkdtemp(join(tmpdir(), "balcony-tls-"));
  try {
    const { certificate, privateKey } = exportIdentity(romeo);
    const [authorities, shown] = [join(folder, "authorities.pem"), join(folder, "shown.json")];
    await writeFile(authorities, certificate);
    await writeFile(shown, JSON.stringify({ cert: certificate, key: privateKey }));
    const results: string[] = [];
    for (const environment of [
      {},
      { NODE_EXTRA_CA_CERTS: authorities },
      { NODE_EXTRA_CA_CERTS: authorities, NODE_OPTIONS: "--use-openssl-ca --tls-min-v1.0", SSL_CERT_FILE: authorities },
    ]) {
      const { stdout } = await run(
        process.execPath,
        ["--conditions=@balcony/source", "--import", here("../../../trust/test/child/register.mjs"), here("../child/extra-authorities.ts"), shown],
        { env: { PATH: process.env.PATH, BALCONY_TEST_CACHE: folder, ...environment }, timeout: 20_000 },
      );
      results.push(stdout);
    }
    expect(new Set(results).size).toBe(1);
    expect(results[0]?.trim().split("\n")).toEqual([
      "client, vouched for: accepted, being asked",
      "client, self-signed: accepted, being asked",
      "server, vouched for: accepted, being asked",
      "server, self-signed: accepted, being asked",
      "server, nothing shown: no-certificate",
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
