import { expect, it } from "vitest";
import { type LocalServerOptions, startLocalServer } from "../src/index.js";
import { login, stage } from "./actors.js";

const base: LocalServerOptions = { domains: ["montague.lit"], accounts: { "romeo@montague.lit": "secret" } };

it.each([
  ["all addresses", { host: "0.0.0.0" }, "invalid-argument"],
  ["all IPv6 addresses", { host: "::" }, "invalid-argument"],
  ["a name that begins like loopback", { host: "127.0.0.1.example.org" }, "invalid-argument"],
  ["an account of another domain", { accounts: { "juliet@capulet.lit": "rosemary" } }, "invalid-argument"],
  ["an account that is no address", { accounts: { "@@": "rosemary" } }, "invalid-jid"],
  ["an account with a resource", { accounts: { "romeo@montague.lit/garden": "secret" } }, "invalid-argument"],
  ["a domain that is none", { domains: ["@@"] }, "invalid-jid"],
  ["an account as a domain", { domains: ["romeo@montague.lit"] }, "invalid-argument"],
  ["a throttle that lets nothing through", { throttle: { bytesPerSecond: 1_000, burst: 0 } }, "invalid-argument"],
  ["a roster with somebody from elsewhere", { sharedRoster: ["prince@verona.lit"] }, "invalid-argument"],
  ["no domain", { domains: [], accounts: {} }, "invalid-argument"],
])("%s: refused", async (_name, options, code) => {
  await expect(startLocalServer({ ...base, ...options })).rejects.toMatchObject({ code });
});

it("a port that is taken is an error, and nothing stays open", async () => {
  const server = await stage();
  await expect(startLocalServer({ ...base, port: server.port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

it("domains and accounts are the same in every form of theirs", async () => {
  const server = await stage({ domains: ["MONTAGUE.lit"], accounts: { "Romeo@Montague.LIT": "secret" } });
  expect((await login(server, "romeo@montague.lit")).jid).toMatch(/^romeo@montague\.lit\//);
});

it("an IPv6 loopback address is bracketed in the services' addresses", async () => {
  const server = await stage({ host: "::1" });
  expect(server.service).toBe(`xmpp://[::1]:${server.port}`);
  expect((await login(server, "romeo@montague.lit")).jid).toMatch(/^romeo@montague\.lit\//);
});
