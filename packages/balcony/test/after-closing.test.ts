import { expect, it } from "vitest";
import { stage } from "../../../test/attacks/stage.js";

const on = stage();

it.each(["get", "set"])("an iq of type %s that comes while the client says goodbye is not answered, and ends no process", async (type) => {
  const uncaught: unknown[] = [];
  const guard = (error: unknown): void => void uncaught.push(error);
  process.on("uncaughtException", guard).on("unhandledRejection", guard);
  const romeo = await on.login("romeo");
  const stopped = romeo.logout();
  const request = (id: number) => `<iq xmlns='jabber:client' type='${type}' id='${id}' from='montague.lit'><query xmlns='urn:example:unknown'/></iq>`;
  on.server.inject(romeo.self, `${request(1)}</stream:stream>`);
  on.server.inject(romeo.self, request(2));
  await stopped;
  await new Promise((resolve) => setImmediate(resolve));
  process.off("uncaughtException", guard).off("unhandledRejection", guard);
  expect(uncaught).toEqual([]);
});
