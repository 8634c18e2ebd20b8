import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const resolutions = [
  { name: "NodeNext", module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  { name: "Bundler", module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
];

/** What stands under "Use it" in the README, with what it leaves to the reader. */
async function readmeCode(): Promise<string> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, code] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  if (code === undefined) throw new Error("README.md has no example in TypeScript.");
  return `const password: string = "secret";\n${code}\nvoid info;\nexport {};\n`;
}

const inferred = `
import { client } from "@xmpp/client";
import { balcony, type BalconyError, type Session, type XmppClient } from "balcony";

const xmpp = client({ service: "xmpps://capulet.lit", domain: "capulet.lit", username: "juliet", password: "secret" });
const fits: XmppClient = xmpp;
const e2e = await balcony(fits, { policy: { accept: ({ peer, known }) => known || peer.endsWith("@montague.lit"), require: "verified" } });
e2e.on("session", (session) => {
  const exact: Session = session;
  session.on("stanza", (stanza) => {
    const body: string | null = stanza.getChildText("body");
    // @ts-expect-error an element is not any
    stanza.nothingOfTheKind();
    void [exact, body];
  });
  session.on("error", (error: BalconyError) => void error.code);
});
// @ts-expect-error what comes back is a Session, and not any
(await e2e.open("romeo@montague.lit")).nothingOfTheKind();
// @ts-expect-error a wrong option is found
await balcony(xmpp, { polcy: {} });
`;

describe("a consumer's own project, under strict", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "balcony-consumer-"));
    await installed(join(folder, "without"));
    await installed(join(folder, "with"));
    const types = dirname(createRequire(import.meta.url).resolve("@types/xmpp__client/package.json"));
    await mkdir(join(folder, "with", "node_modules", "@types"), { recursive: true });
    await symlink(types, join(folder, "with", "node_modules", "@types", "xmpp__client"));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  describe.each(resolutions)("moduleResolution $name", ({ module, moduleResolution }) => {
    it.each(["with", "without"] as const)("compiles the README's code %s @types/xmpp__client", async (types) => {
      await writeFile(join(folder, types, "readme.ts"), await readmeCode());
      await writeFile(join(folder, types, "inferred.ts"), inferred);
      const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, target: ts.ScriptTarget.ES2022 };
      const program = ts.createProgram(
        ["readme.ts", "inferred.ts", "client.d.ts"].map((file) => join(folder, types, file)).filter((file) => types === "without" || !file.endsWith("client.d.ts")),
        {
          ...strict,
          module,
          moduleResolution,
          lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
          types: ["node"],
          typeRoots: [join(folder, types, "node_modules", "@types")],
          skipLibCheck: true,
        },
      );
      const complaints = ts.getPreEmitDiagnostics(program).map((found) => `${found.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(found.messageText, "\n")}`);
      expect(complaints).toEqual([]);
      // The built types, and not our sources.
      const ours = program.getSourceFiles().flatMap(({ fileName }) => (/packages\/\w+\//.test(fileName) || fileName.includes("/node_modules/balcony/") ? [fileName] : []));
      expect(ours.length).toBeGreaterThan(5);
      expect(ours.filter((file) => !file.endsWith(".d.ts"))).toEqual([]);
    });
  });
});

/** A project that has installed balcony and @xmpp/client: our packages as they are published, the rest as this repository has it. */
async function installed(project: string): Promise<void> {
  const modules = join(project, "node_modules");
  await mkdir(join(modules, "@balcony"), { recursive: true });
  await mkdir(join(modules, "@types"), { recursive: true });
  await mkdir(join(modules, "@xmpp"), { recursive: true });
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  for (const name of await readdir(join(root, "packages"))) {
    const from = join(root, "packages", name);
    const described = JSON.parse(await readFile(join(from, "package.json"), "utf8")) as { name: string; publishConfig?: object };
    const to = join(modules, described.name);
    await mkdir(to, { recursive: true });
    // Publishing puts publishConfig's fields over the others: the condition for sources is gone then.
    await writeFile(join(to, "package.json"), JSON.stringify({ ...described, ...described.publishConfig }));
    await cp(join(from, "dist"), join(to, "dist"), { recursive: true });
  }
  const here = createRequire(import.meta.url);
  await symlink(dirname(here.resolve("@xmpp/client/package.json")), join(modules, "@xmpp", "client"));
  await symlink(join(root, "node_modules", "@types", "node"), join(modules, "@types", "node"));
  const jid = createRequire(join(root, "packages", "balcony", "package.json"));
  await symlink(dirname(jid.resolve("@xmpp/jid/package.json")), join(modules, "@xmpp", "jid"));
  // Without its types a consumer has to say what it uses of @xmpp/client, as of any package in JavaScript.
  await writeFile(
    join(project, "client.d.ts"),
    'declare module "@xmpp/client" {\n  export const client: (options: object) => import("balcony").XmppClient & { start(): Promise<unknown> };\n  export const xml: typeof import("balcony").xml;\n}\n',
  );
}
