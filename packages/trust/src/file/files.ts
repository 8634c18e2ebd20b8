import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BalconyError, randomId } from "@balcony/channel";

const TEMPORARY = /^[a-z]+\.json\.[\w-]{22}\.tmp$/u;
const posix = process.platform !== "win32";

/** The system will not let us read or write. */
export function inaccessible(path: string, cause: unknown): BalconyError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BalconyError("store-inaccessible", `The trust store cannot be read or written: ${why}.`, {
    phase: "store",
    hint: `See to the permissions of ${path}, and to room on the disk.`,
    cause,
  });
}

/** Makes the folder, for its owner alone. Throws `store-inaccessible`, also if others can write to one that is there. */
export async function makeFolder(folder: string): Promise<void> {
  await accessing(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  });
  await demandPrivate(folder, 0o022);
}

/** The text of a file, undefined if it is not there. Throws `store-inaccessible`, also if anybody else can read or write it. */
export async function readPrivate(path: string): Promise<string | undefined> {
  if (!(await exists(path))) return undefined;
  await demandPrivate(path, 0o077);
  return await accessing(path, () => readFile(path, "utf8"));
}

/** Changes whenever the file is replaced or written to; undefined if it is not there. */
export async function stampOf(path: string): Promise<string | undefined> {
  if (!(await exists(path))) return undefined;
  const { ino, size, mtimeNs, ctimeNs } = await accessing(path, () => stat(path, { bigint: true }));
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/**
 * Replaces files, one after the other in the order given; each is the old or the new one, whole, whenever the process or the machine stops. Nothing is
 * replaced before all are safely on the disk. Throws `store-inaccessible`, and what `ready` throws.
 * @param ready asked last, before the first is replaced
 */
export async function replaceFiles(files: readonly { readonly path: string; readonly text: string }[], ready: () => Promise<void>): Promise<void> {
  const written: { readonly path: string; readonly temporary: string }[] = [];
  try {
    for (const { path, text } of files) {
      const temporary = `${path}.${randomId()}.tmp`;
      written.push({ path, temporary });
      await accessing(path, () => writeDurably(temporary, text));
    }
    await ready();
    for (const { path, temporary } of written) {
      await accessing(path, async () => {
        await rename(temporary, path);
        await syncFolder(dirname(path)); // a rename is on the disk only once its folder is; and this one before the next
      });
    }
  } catch (error) {
    for (const { temporary } of written) await rm(temporary, { force: true });
    throw error;
  }
}

/** Takes away what processes that died while writing have left. Only under the lock. */
export async function sweep(folder: string): Promise<void> {
  await accessing(folder, async () => {
    for (const name of await readdir(folder)) if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
  });
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (!posix) return; // Windows opens no folders
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function demandPrivate(path: string, forbidden: number): Promise<void> {
  const { mode } = await accessing(path, () => stat(path));
  if (posix && (mode & forbidden) !== 0) {
    throw new BalconyError("store-inaccessible", `${basename(path)} is open to others on this machine: what it says cannot be believed, and what it hides is not hidden.`, {
      phase: "store",
      hint: `chmod go-rwx ${path}`,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw inaccessible(path, error);
  }
}

async function accessing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw inaccessible(path, error);
  }
}
