import type { Duplex } from "node:stream";
import type { StanzaChannel } from "@balcony/channel";
import { byteChannelCompliance } from "@balcony/channel/compliance";
import type { AddressPolicy } from "@balcony/jingle";
import { startLocalServer } from "@balcony/local-server";
import { xml } from "@balcony/xml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelsSeen } from "../../../test/rigs/channels.js";
import { type LoggedIn, login } from "../../../test/rigs/login.js";
import { NS_S5B } from "../src/transport-element.js";
import { attempts, bytes, connect } from "./transport-pair.js";

const relayed: AddressPolicy = { paths: "relayed", privateNetworks: true, dangerouslyUseLoopback: true };
let server: Awaited<ReturnType<typeof startLocalServer>>;
const people: LoggedIn[] = [];
let channels: readonly [StanzaChannel, StanzaChannel];
let refuseActivation = false;

beforeAll(async () => {
  const accounts = { "romeo@montague.lit": "secret", "juliet@capulet.lit": "secret" };
  server = await startLocalServer({
    domains: ["montague.lit", "capulet.lit"],
    accounts,
    // The server lies: it says that the proxy has joined the connections, which never hears of it.
    interfere: (stanza, { direction }) => {
      if (!refuseActivation || direction !== "in" || !stanza.getChild("query")?.getChild("activate")) return stanza;
      return xml("iq", { type: "get", id: stanza.attrs.id, from: stanza.attrs.from, to: stanza.attrs.to }, xml("nothing", "urn:example:nothing"));
    },
  });
  const seen = channelsSeen();
  for (const jid of Object.keys(accounts)) people.push(await login({ service: server.service, jid, password: "secret", options: { transports: seen.transports } }));
  const [romeo, juliet] = people as [LoggedIn, LoggedIn];
  channels = [seen.of(romeo), seen.of(juliet)];
});

afterAll(async () => {
  for (const person of people) await person.logout();
  await server.stop();
});

const pair = () => attempts({ initiator: relayed, responder: relayed }, channels);

describe("a SOCKS5 bytestream through a proxy is a ByteChannel:", () => {
  byteChannelCompliance({ setup: (): Promise<{ a: Duplex; b: Duplex }> => bytes(pair()), test: it, inFlight: 64 * 1024 * 1024 }); // four sockets hold what nobody reads
});

it("says which proxy, and shows no address of either side", async () => {
  const both = pair();
  const offer = await both.initiator.attempt.offer();
  const answer = await both.responder.attempt.answer(offer);
  expect(offer.getChildren("candidate").map(({ attrs }) => [attrs.type, attrs.jid])).toEqual([["proxy", "proxy.montague.lit"]]);
  expect(answer.getChildren("candidate")).toEqual([]); // what was offered already is not offered again
  both.initiator.attempt.accepted(answer);
  const { signal } = new AbortController();
  const connections = await Promise.all([both.initiator.attempt.connect(signal), both.responder.attempt.connect(signal)]);
  expect(connections.map(({ path }) => path)).toEqual(["s5b proxy proxy.montague.lit", "s5b proxy proxy.montague.lit"]);
  for (const connection of connections) connection.bytes.destroy();
});

it("that is not activated ends both attempts, told by proxy-error", async () => {
  refuseActivation = true;
  const both = pair();
  await expect(connect(both)).rejects.toMatchObject({ code: "failed-transport" });
  refuseActivation = false;
  expect(both.initiator.sent.at(-1)?.getChild("proxy-error", NS_S5B)).toBeDefined();
  both.responder.attempt.abort();
});
