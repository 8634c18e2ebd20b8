import type * as crypto from "node:crypto";

/**
 * node:crypto whose scrypt remembers: half a second and 128 MiB are spent once for each passphrase and salt, and not for each row of a table. What it computes is the real one's, in the sizes that the
 * store asks for; a file that uses it says nothing about how long it takes.
 */
export function rememberingScrypt(real: typeof crypto): typeof crypto {
  const known = new Map<string, Promise<Buffer>>();
  const scrypt = (password: string, salt: Buffer, length: number, options: crypto.ScryptOptions, done: (error: Error | null, key: Buffer) => void): void => {
    const name = JSON.stringify([password, salt.toString("hex"), length, options]);
    const key = known.get(name) ?? new Promise<Buffer>((resolve, reject) => real.scrypt(password, salt, length, options, (error, made) => (error ? reject(error) : resolve(made))));
    known.set(name, key);
    key.then(
      (made) => done(null, Buffer.from(made)),
      (error: Error) => done(error, Buffer.alloc(0)),
    );
  };
  return { ...real, scrypt: scrypt as typeof crypto.scrypt };
}
