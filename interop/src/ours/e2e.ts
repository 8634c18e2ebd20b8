import { BalconyError } from "@balcony/channel";
import { ibb } from "@balcony/transport-ibb";
import { s5b } from "@balcony/transport-s5b";
import { TrustStore } from "@balcony/trust";
import { bare, type Element, normalize, xml } from "@balcony/xml";
import { balcony, type Session } from "balcony";
import { clientOf, logStanzas } from "./client.js";
import { expect, type OurSide, type OurTask } from "./side.js";

/** The whole: open() or accept(), a message and its echo. With option `misbehave` the peer breaks one rule, and ours must meet it with option `code`. */
export async function e2e(task: OurTask): Promise<OurSide> {
  const xmpp = clientOf(task);
  logStanzas(xmpp, task.log);
  const store = await TrustStore.inMemory();
  const secure = task.options.secure === "xtls" ? "xtls" : "starttls";
  const transport = task.options.transport === "ibb" ? ibb() : s5b();
  const e2e = await balcony(xmpp, {
    store,
    secure,
    transports: [transport],
    policy: { allow: (address) => bare(address) === bare(normalize(task.peer)), showAddress: () => true },
    paths: task.options.transport === "proxy" ? "relayed" : "any",
    dangerouslyUseLoopback: true,
  });
  const errors: BalconyError[] = [];
  e2e.on("error", (error) => {
    task.log("note", `error: ${error.code} ${error.message}`);
    errors.push(error);
  });
  const offered = new Promise<Session>((resolve, reject) => {
    e2e.once("session", resolve);
    e2e.once("error", reject);
  });
  offered.catch(() => undefined); // where we are the initiator nobody waits for it
  e2e.on("progress", ({ phase, state, text }) => task.log("note", `${phase} ${state}: ${text}`));
  const online = new Promise((resolve) => e2e.once("ready", resolve));
  await xmpp.start();
  await online;
  const text = String(task.options.text);
  const session = async (): Promise<Session> => {
    if (task.role === "responder") return await offered;
    const onProgress = ({ phase, state, text: what }: { phase: string; state: string; text: string }) => task.log("note", `${phase} ${state}: ${what}`);
    return await e2e.open(task.peer, { signal: task.signal, onProgress });
  };
  return {
    run: async (peer) => {
      await peer.event("ready");
      const stands = await session();
      const { security } = stands;
      const own = await e2e.identity();
      const received = next(stands);
      if (task.role === "initiator") {
        await stands.send(xml("message", {}, xml("body", {}, text)));
        expect((await received).getChildText("body") === text, "The echo is not what was sent.");
        await stands.close();
      } else {
        const message = await received;
        expect(message.getChildText("body") === text, "The message is not the one of the task.");
        const over = new Promise((resolve) => stands.once("close", () => resolve(undefined)));
        await stands.send(xml("message", {}, xml("body", {}, text)));
        await over;
      }
      const secured = await peer.event("secured");
      expect(secured.fingerprint === own.fingerprint, "The peer saw another certificate than ours.");
      if (secured.own !== undefined) expect(secured.own === security.peer.certificate, "We saw another certificate than the peer's.");
      expect(secured.protocol === "TLSv1.3", `The peer says that it speaks ${secured.protocol}.`);
      expect((await peer.event("received")).text === text, "The peer got another text.");
      await peer.event("closed");
      expect(errors.length === 0, `All went well, and yet ${errors.map(({ code }) => code).join(", ")} was reported.`);
    },
    close: async () => {
      await e2e.close();
      xmpp.reconnect.stop();
      await xmpp.stop();
    },
  };
}

function next(session: Session): Promise<Element> {
  return new Promise((resolve, reject) => {
    session.once("stanza", resolve);
    session.once("error", reject);
    session.once("close", () => reject(new BalconyError("closed", "The session was closed before a stanza came.")));
  });
}
