import { BalconyError } from "../error.js";
import type { Answer } from "../stanza-channel.js";
import { check, checkEqual } from "./check.js";
import { answer, asking, checkCode, order, question, type StanzaCase, telling } from "./stanza-case.js";

const SHORT = 20;

/** Whoever waits can stop waiting. */
export const waitingCases: readonly StanzaCase[] = [
  {
    name: "a question that is not answered in time fails with timeout, and says what was waited for",
    run: async ({ a, b, within }) => {
      b.onRequest(asking, () => new Promise<Answer>(() => undefined));
      const error = await checkCode(within(a.request(question(), { timeout: SHORT }), "the deadline"), "timeout", "the request");
      check(error.message.includes(b.self), `the message names whose answer did not come: ${error.message}`);
    },
  },
  {
    name: "an answer that comes too late changes nothing",
    run: async ({ a, b, within }) => {
      let finish: (value: Answer) => void = () => undefined;
      b.onRequest(
        asking,
        () =>
          new Promise<Answer>((resolve) => {
            finish = resolve;
          }),
      );
      b.onRequest(telling, () => answer("in time"));
      await checkCode(within(a.request(question(), { timeout: SHORT }), "the deadline"), "timeout", "the request");
      finish(answer("too late"));
      const result = await within(a.request(order()), "b to answer the next");
      checkEqual(result.getChildText("answer"), "in time", "the answer to the next");
    },
  },
  {
    name: "an AbortSignal ends the wait for an answer",
    run: async ({ a, b, within }) => {
      const controller = new AbortController();
      b.onRequest(asking, () => {
        controller.abort("enough");
        return new Promise<Answer>(() => undefined);
      });
      const error = await checkCode(within(a.request(question(), { signal: controller.signal }), "the abort"), "aborted", "the request");
      checkEqual(error.cause, "enough", "the cause");
    },
  },
  {
    name: "an AbortSignal that was aborted before keeps the question from being sent",
    run: async ({ a, b, within }) => {
      let asked = 0;
      b.onRequest(asking, () => {
        asked++;
        return undefined;
      });
      b.onRequest(telling, () => undefined);
      await checkCode(within(a.request(question(), { signal: AbortSignal.abort() }), "the abort"), "aborted", "the request");
      await within(a.request(order()), "b to answer the next");
      checkEqual(asked, 0, "times that the handler was asked");
    },
  },
  {
    name: "an AbortSignal whose reason is a BalconyError fails the request with that",
    run: async ({ a, b, within }) => {
      const reason = new BalconyError("cancelled", "the suite cancels");
      const controller = new AbortController();
      b.onRequest(asking, () => {
        controller.abort(reason);
        return new Promise<Answer>(() => undefined);
      });
      const error = await checkCode(within(a.request(question(), { signal: controller.signal }), "the abort"), "cancelled", "the request");
      checkEqual(error, reason, "the error");
    },
  },
  {
    name: "one question given up leaves the others alone",
    run: async ({ a, b, within }) => {
      const controller = new AbortController();
      b.onRequest(asking, ({ payload }) => (payload.getText() === "stays" ? answer("answered") : new Promise<Answer>(() => undefined)));
      const given = a.request(question("goes"), { signal: controller.signal });
      const stays = a.request(question("stays"));
      controller.abort();
      await checkCode(within(given, "the abort"), "aborted", "the one given up");
      checkEqual((await within(stays, "b to answer the other")).getChildText("answer"), "answered", "the answer to the other");
    },
  },
];
