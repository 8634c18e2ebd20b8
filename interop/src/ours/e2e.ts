import { BalconyError } from "@balcony/channel";
import { ibb } from "@balcony/transport-ibb";
import { s5b } from "@balcony/transport-s5b";
import { TrustStore } from "@balcony/trust";
import { bare, type Element, normalize, xml } from "@balcony/xml";
import { type Balcony, balcony, type Session } from "balcony";
import type { PeerProcess } from "../peer-process.js";
import { clientOf, logStanzas } from "./client.js";
import { expect, type OurSide, type OurTask } from "./side.js";

/** The whole: open() or accept(), a message and its echo. With option `misbehave` the peer breaks one rule: what ours makes of it is what run() rejects with. */
export const e2e = (task: OurTask): Promise<OurSide> => endToEnd(task, talk);

/** What is done in a session. `failed` rejects with what is reported of it outside. */
type Converse = (task: OurTask, session: Session, peer: PeerProcess, fingerprint: string, failed: Promise<never>) => Promise<void>;

export async function endToEnd(task: OurTask, converse: Converse): Promise<OurSide> {
  const xmpp = clientOf(task);
  logStanzas(xmpp, task.log);
  const store = await TrustStore.inMemory();
  const e2e = await balcony(xmpp, {
    store,
    secure: task.options.secure === "xtls" ? "xtls" : "starttls",
    transports: [task.options.transport === "ibb" ? ibb() : s5b()],
    policy: { allow: (address) => bare(address) === bare(normalize(task.peer)), showAddress: () => true },
    paths: task.options.transport === "proxy" ? "relayed" : "any",
    dangerouslyUseLoopback: true,
  });
  const errors: BalconyError[] = [];
  e2e.on("error", (error) => {
    task.log("note", `error: ${error.code} ${error.message}`);
    errors.push(error);
  });
  const failed = new Promise<never>((_, reject) => e2e.once("error", reject));
  failed.catch(() => undefined); // for whoever waits for what will not come
  const offered = incoming(e2e);
  e2e.on("progress", ({ phase, state, text }) => task.log("note", `${phase} ${state}: ${text}`));
  const online = new Promise((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  await online;
  const session = async (peer: PeerProcess): Promise<Session | undefined> => {
    if (task.role === "responder") return await offered(peer, task.signal);
    const onProgress = ({ phase, state, text: what }: { phase: string; state: string; text: string }) => task.log("note", `${phase} ${state}: ${what}`);
    return await e2e.open(task.peer, { signal: task.signal, onProgress });
  };
  return {
    run: async (peer) => {
      await peer.event("ready");
      const stands = await session(peer);
      if (stands) await converse(task, stands, peer, (await e2e.identity()).fingerprint, failed);
      expect(errors.length === 0, `All went well, and yet ${errors.map(({ code }) => code).join(", ")} was reported.`);
    },
    close: async () => {
      await e2e.close();
      xmpp.reconnect.stop();
      await xmpp.stop();
    },
  };
}

/** An incoming session; undefined where the peer's offer was refused on the spot, so that nobody on our side ever hears of it. */
function incoming(e2e: Balcony): (peer: PeerProcess, signal: AbortSignal) => Promise<Session | undefined> {
  let begun = false;
  e2e.once("progress", () => {
    begun = true;
  });
  const settled = new Promise<Session>((resolve, reject) => {
    e2e.once("session", resolve);
    e2e.once("error", reject);
  });
  settled.catch(() => undefined); // where we are the initiator nobody waits for it
  return async (peer) => await Promise.race([settled, peer.ended.then(async () => (begun ? await settled : undefined))]);
}

export async function talk({ role, options }: OurTask, session: Session, peer: PeerProcess, fingerprint: string): Promise<void> {
  const text = String(options.text);
  const { security } = session;
  const over = new Promise((resolve) => session.once("close", () => resolve(undefined)));
  const received = next(session);
  if (role === "initiator") {
    await session.send(xml("message", {}, xml("body", {}, text)));
    expect((await received).getChildText("body") === text, "The echo is not what was sent.");
    await session.close();
  } else {
    const message = await received;
    expect(message.getChildText("body") === text, "The message is not the one of the task.");
    const failed = new Promise<never>((_, reject) => session.once("error", reject));
    await session.send(xml("message", {}, xml("body", {}, text)));
    await Promise.race([over, failed]);
  }
  const secured = await peer.event("secured");
  expect(secured.fingerprint === fingerprint, "The peer saw another certificate than ours.");
  if (secured.own !== undefined) expect(security.protocol === "TLSv1.3" && secured.own === security.peer.certificate, "We saw another certificate than the peer's.");
  expect(secured.protocol === "TLSv1.3", `The peer says that it speaks ${secured.protocol}.`);
  expect((await peer.event("received")).text === text, "The peer got another text.");
  await peer.event("closed");
}

/** The first message: what else comes is not for this task. */
function next(session: Session): Promise<Element> {
  return new Promise((resolve, reject) => {
    session.on("stanza", (stanza) => {
      if (stanza.name === "message") resolve(stanza);
    });
    session.once("error", reject);
    session.once("close", () => reject(new BalconyError("closed", "The session was closed before a stanza came.")));
  });
}
