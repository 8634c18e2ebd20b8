import { expect, test } from "vitest";
import { sections } from "../../interop/src/check/rules/requirement.js";
import { check } from "../../interop/src/check/run.js";
import { startServer } from "../../interop/src/servers.js";
import { ownListener } from "../rigs/own-listener.js";

test("balcony-interop check finds every section met by our own listener, in both roles", { timeout: 300_000 }, async () => {
  const server = await startServer("embedded");
  const own = await ownListener(server);
  try {
    const account = { service: server.service, address: server.accounts[1], password: server.password, plain: true };
    const results = await check({ subject: own.subject, account, sections, observe: false, timeout: 10_000, jobs: 4 });
    const unmet = results.filter(({ verdict }) => verdict !== "met").map(({ requirement, role, verdict, evidence }) => `${requirement.id} ${role}: ${verdict}, ${evidence?.why}`);
    expect(unmet).toEqual([]);
    expect(results.length).toBeGreaterThan(500);
  } finally {
    await own.stop();
    await server.stop();
  }
});
