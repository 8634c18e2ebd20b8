import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
const named = [...new Set([...readme.matchAll(/\| `([^`]+\.test\.ts)` \|/g)].map(([, file]) => file as string))];

it("every file that the list of attacks names exists", () => {
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((file) => !existsSync(new URL(file, root)))).toEqual([]);
});

it("every file of attacks is named in the list", () => {
  const here = readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith(".test.ts") && file !== "documented.test.ts");
  expect(here.filter((file) => !named.includes(`test/attacks/${file}`))).toEqual([]);
});

it("every test that an attack is said to be carried out by is there", () => {
  const carried = [...readme.matchAll(/^\| .+ \| `([^`]+\.test\.ts)` \| (.+) \|$/gmu)].map(([, file, name]) => [file as string, name as string] as const);
  expect(carried.length).toBeGreaterThan(70);
  expect(carried.filter(([file, name]) => !readFileSync(new URL(file, root), "utf8").includes(name))).toEqual([]);
});
