import { afterEach, describe, expect, it, vi } from "vitest";
import { TrustStore } from "../src/index.js";
import { codeOf, juliet, key, romeo, use } from "./addresses.js";
import { newFolder } from "./folders.js";

/** Operations that fail from now on, as the system would have them fail. */
const failing = new Map<string, string>();

vi.mock("node:fs/promises", async (original) => {
  const files = await original<typeof import("node:fs/promises")>();
  const fail = (operation: string): void => {
    const code = failing.get(operation);
    if (code) throw Object.assign(new Error(`${code}: ${operation}`), { code });
  };
  return {
    ...files,
    open: async (...args: Parameters<typeof files.open>) => {
      fail(args[1] === "wx" ? "open" : "open folder");
      const handle = await files.open(...args);
      const { writeFile, sync } = handle;
      handle.writeFile = async (...text: Parameters<typeof writeFile>) => {
        fail("write");
        await writeFile.apply(handle, text);
      };
      handle.sync = async () => {
        fail("sync");
        await sync.call(handle);
      };
      return handle;
    },
    rename: async (...args: Parameters<typeof files.rename>) => {
      fail("rename");
      await files.rename(...args);
    },
  };
});

afterEach(() => failing.clear());

describe("a change that cannot be written", () => {
  for (const [operation, code] of [
    ["open", "EACCES"],
    ["open", "EROFS"],
    ["write", "ENOSPC"],
    ["sync", "EIO"],
    ["rename", "EPERM"],
  ] as const) {
    it(`(${code} from ${operation}) is store-inaccessible, and changes nothing; the next one may go through`, async () => {
      const folder = await newFolder();
      const store = await TrustStore.open({ folder });
      await store.accepted(juliet, romeo, use(1));
      const known = store.show(juliet, romeo);
      failing.set(operation, code);
      expect(await codeOf(store.setVerified(juliet, romeo, key(1), "qr"))).toBe("store-inaccessible");
      expect(store.show(juliet, romeo)).toEqual(known);
      failing.clear();
      await store.refresh();
      expect(store.show(juliet, romeo)).toEqual(known);
      expect(await store.setVerified(juliet, romeo, key(1), "qr")).toMatchObject({ status: "verified" });
    });
  }

  it("and whose folder cannot be synchronised is reported, may have been made, and is known to be once the store is read again", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    await store.accepted(juliet, romeo, use(1));
    failing.set("open folder", "EIO");
    expect(await codeOf(store.revoke(juliet, romeo, key(1)))).toBe("store-inaccessible");
    failing.clear();
    await store.refresh();
    expect(store.show(juliet, romeo)?.devices).toMatchObject([{ status: "revoked" }]);
    const again = await TrustStore.open({ folder });
    expect(again.list(juliet)).toEqual(store.list(juliet));
  });

  it("is reported when the store is made", async () => {
    failing.set("write", "ENOSPC");
    expect(await codeOf(TrustStore.open({ folder: await newFolder() }))).toBe("store-inaccessible");
  });
});
