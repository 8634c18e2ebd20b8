import { describe, expect, it } from "vitest";
import { canonical, parseElement } from "../src/index.js";

const form = (text: string): string => canonical(parseElement(text));

describe("the canonical form", () => {
  it.each([
    ["quotes and order of attributes", `<a xmlns='n' b="1" c='2'/>`, `<a c="2" b='1' xmlns="n"></a>`],
    ["a prefix instead of a default", `<a xmlns='n'><b/></a>`, `<p:a xmlns:p='n'><p:b/></p:a>`],
    ["a namespace declared again", `<a xmlns='n'><b/></a>`, `<a xmlns='n'><b xmlns='n'/></a>`],
    ["escapes", `<a xmlns='n'>&lt;&amp;</a>`, `<a xmlns='n'>&#60;&#38;</a>`],
  ])("is one for %s", (_, one, other) => {
    expect(form(one)).toBe(form(other));
  });

  it.each([
    ["names", `<a xmlns='n'/>`, `<b xmlns='n'/>`],
    ["namespaces", `<a xmlns='n'/>`, `<a xmlns='m'/>`],
    ["values", `<a xmlns='n' b='1'/>`, `<a xmlns='n' b='2'/>`],
    ["an attribute less", `<a xmlns='n' b=''/>`, `<a xmlns='n'/>`],
    ["text", `<a xmlns='n'>1</a>`, `<a xmlns='n'>2</a>`],
    ["text for an element", `<a xmlns='n'>b</a>`, `<a xmlns='n'><b/></a>`],
    ["an element within another or beside it", `<a xmlns='n'><b/><c/></a>`, `<a xmlns='n'><b><c/></b></a>`],
    ["the order of elements", `<a xmlns='n'><b/><c/></a>`, `<a xmlns='n'><c/><b/></a>`],
    ["where one value ends", `<a xmlns='n' b='1' c='2'/>`, `<a xmlns='n' b='11:c1:2'/>`],
    ["children of another namespace", `<a xmlns='n'><b/></a>`, `<a xmlns='n'><b xmlns='m'/></a>`],
  ])("is another for other %s", (_, one, other) => {
    expect(form(one)).not.toBe(form(other));
  });
});
