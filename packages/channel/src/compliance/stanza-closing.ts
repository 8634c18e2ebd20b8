import type { Answer } from "../stanza-channel.js";
import { check, checkEqual, checkList } from "./check.js";
import { turns } from "./run.js";
import { answer, asking, checkCode, checkCondition, closedWith, Hearing, message, question, type StanzaCase } from "./stanza-case.js";

const never = () => new Promise<Answer>(() => undefined);

/** Closing, and narrowing to a part that can be closed by itself. */
export const closingCases: readonly StanzaCase[] = [
  {
    name: "close() aborts `closed` with code closed",
    run: async ({ a, within }) => {
      let times = 0;
      a.closed.addEventListener("abort", () => times++);
      await within(a.close(), "a to close");
      checkEqual(a.closed.aborted, true, "closed.aborted");
      checkEqual(a.closed.reason.code, "closed", "code of the reason");
      await turns();
      checkEqual(times, 1, "times that `closed` was aborted");
    },
  },
  {
    name: "close() twice does no harm, nor at once",
    run: async ({ a, within }) => {
      const { closed } = a;
      await within(Promise.all([a.close(), a.close()]), "a to close");
      const { reason } = closed;
      await within(a.close(), "a to close again");
      checkEqual(closed.reason, reason, "the reason");
    },
  },
  {
    name: "close() fails the questions that are open",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, never);
      const open = [1, 2, 3].map((n) => checkCode(within(a.request(question(`${n}`)), "the failure"), "closed", `question ${n}`));
      await within(a.close(), "a to close");
      await Promise.all(open);
    },
  },
  {
    name: "after close() nothing can be sent or asked",
    run: async ({ a, within }) => {
      await within(a.close(), "a to close");
      await checkCode(within(a.send(message("too late")), "the failure"), "closed", "send()");
      await checkCode(within(a.request(question()), "the failure"), "closed", "request()");
    },
  },
  {
    name: "once closed, handlers hear nothing more",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      let asked = 0;
      b.onRequest(asking, () => {
        asked++;
        return undefined;
      });
      await within(a.send(message("before")), "a to send");
      await within(hearing.upTo(1), "b to hear it");
      // Until it has closed, what the peer sent before it knew may still be heard (RFC 6120 §4.4).
      await within(b.close(), "b to close");
      await within(Promise.allSettled([a.send(message("after")), a.request(question(), { timeout: 500 })]), "a's attempts");
      await turns();
      checkList(hearing.bodies, ["before"], "what b heard");
      checkEqual(asked, 0, "times that b was asked");
    },
  },
  {
    name: "handlers added after close() are never asked, and can be taken away",
    run: async ({ a, within }) => {
      await within(a.close(), "a to close");
      const hearing = new Hearing(a);
      const stop = a.onRequest(asking, () => answer());
      stop();
      hearing.stop();
      checkEqual(hearing.heard.length, 0, "stanzas heard");
    },
  },
  {
    name: "what was sent before close() arrives",
    run: async ({ a, b, within }) => {
      const hearing = new Hearing(b);
      const sent = Promise.all([1, 2, 3, 4, 5].map((n) => a.send(message(`${n}`))));
      await within(sent, "a to send");
      await within(a.close(), "a to close");
      await within(hearing.upTo(5), "b to hear all");
      checkList(hearing.bodies, ["1", "2", "3", "4", "5"], "what b heard");
    },
  },
  {
    name: "a channel narrowed to its own peer hears, asks and answers",
    run: async ({ a, b, within }) => {
      const narrowed = b.to(a.self);
      checkEqual(narrowed.self, b.self, "self");
      checkEqual(narrowed.peer, a.self, "peer");
      const hearing = new Hearing(narrowed);
      narrowed.onRequest(asking, ({ from }) => answer(from));
      a.onRequest(asking, ({ from }) => answer(from));
      await within(a.send(message("to the narrowed")), "a to send");
      await within(hearing.upTo(1), "the narrowed channel to hear it");
      checkEqual((await within(a.request(question()), "b to answer")).getChildText("answer"), a.self, "what the narrowed channel answered");
      checkEqual((await within(narrowed.request(question()), "a to answer")).getChildText("answer"), b.self, "what a answered");
    },
  },
  {
    name: "a channel to one peer cannot be narrowed to another",
    run: async ({ a }) => {
      let error: unknown;
      try {
        a.to("somebody@else.example/x");
      } catch (thrown) {
        error = thrown;
      }
      check(error !== undefined, "to(another) was allowed");
      await checkCode(Promise.reject(error as Error), "invalid-argument", "to(another)");
    },
  },
  {
    name: "narrowing to the same peer twice is one address, in normal form",
    run: async ({ a, b }) => {
      const at = b.self.indexOf("@");
      const shouted = b.self.slice(0, at).toUpperCase() + b.self.slice(at);
      checkEqual(a.to(shouted).peer, b.self, "peer");
      checkEqual(a.to(b.self).to(b.self).peer, b.self, "peer, narrowed twice");
    },
  },
];

/** Where one side cannot close without the other's knowing. */
export const linkedCases: readonly StanzaCase[] = [
  {
    name: "the other side's close() closes this one",
    run: async ({ a, b, within }) => {
      await within(a.close(), "a to close");
      checkEqual(await within(closedWith(b), "b to close"), "closed", "code of b's reason");
    },
  },
  {
    name: "the other side's close() fails the questions that are open",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, () => {
        void b.close();
        return never();
      });
      await checkCode(within(a.request(question()), "the failure"), "closed", "the question");
    },
  },
  {
    name: "close() from both sides at once",
    run: async ({ a, b, within }) => {
      await within(Promise.all([a.close(), b.close()]), "both to close");
      checkList([a.closed.reason.code, b.closed.reason.code], ["closed", "closed"], "codes of the reasons");
    },
  },
  {
    name: "closing a narrowed channel leaves the wide one and its other parts alone",
    run: async ({ a, b, within }) => {
      const [one, other] = [b.to(a.self), b.to(a.self)];
      const [atOne, atOther] = [new Hearing(one), new Hearing(other)];
      one.onRequest(asking, () => answer());
      a.onRequest(asking, never);
      const open = checkCode(within(one.request(question()), "the failure"), "closed", "the open question of the one");
      await within(one.close(), "the one to close");
      await open;
      checkEqual(one.closed.reason.code, "closed", "code of the one's reason");
      check(!b.closed.aborted && !other.closed.aborted, "the wide channel or its other part was closed too");
      await within(a.send(message("still here")), "a to send");
      await within(atOther.upTo(1), "the other to hear it");
      checkEqual(atOne.heard.length, 0, "stanzas that the one heard");
      await checkCode(within(one.send(message("x")), "the failure"), "closed", "send() of the one");
      await checkCondition(within(a.request(question()), "b to answer"), "service-unavailable", "a question to the one's handler");
    },
  },
  {
    name: "the end of the wide channel ends what was narrowed from it, for the same reason",
    run: async ({ a, b, within }) => {
      const narrowed = a.to(b.self);
      const early = narrowed.closed;
      b.onRequest(asking, never);
      const open = checkCode(within(narrowed.request(question()), "the failure"), "closed", "the open question");
      await within(a.close(), "a to close");
      await open;
      checkEqual(early.aborted, true, "closed.aborted of the narrowed channel");
      checkEqual(early.reason, a.closed.reason, "its reason");
      checkEqual(a.closed.aborted, true, "closed.aborted");
      await checkCode(within(narrowed.send(message("too late")), "the failure"), "closed", "send()");
    },
  },
];
