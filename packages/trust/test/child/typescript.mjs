import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Sources import each other as `.js`, as TypeScript wants it. */
export async function resolve(specifier, context, next) {
  const fromSource = context.parentURL?.endsWith(".ts") && specifier.startsWith(".") && specifier.endsWith(".js");
  return await next(fromSource ? specifier.replace(/\.js$/u, ".ts") : specifier, context);
}

/** Takes the types away. What was done once is kept in BALCONY_TEST_CACHE, so that a child starts fast. */
export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return await next(url, context);
  const text = await readFile(fileURLToPath(url), "utf8");
  const kept = join(process.env.BALCONY_TEST_CACHE, createHash("sha256").update(text).digest("hex"));
  const known = await readFile(kept, "utf8").catch(() => undefined);
  return { format: "module", shortCircuit: true, source: known ?? (await strip(text, kept)) };
}

async function strip(text, kept) {
  const { default: typescript } = await import("typescript");
  const { outputText } = typescript.transpileModule(text, { compilerOptions: { target: "ES2023", module: "ESNext", verbatimModuleSyntax: true } });
  await writeFile(`${kept}.${process.pid}`, outputText);
  await rename(`${kept}.${process.pid}`, kept); // another child may be reading
  return outputText;
}
