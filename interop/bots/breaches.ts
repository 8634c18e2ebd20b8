import { createHash } from "node:crypto";
import type { StanzaCondition } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";

/** The forms of a four-message negotiation (XEP-0116 §4), in their order. */
export const formTypes = ["form", "submit", "result", "init"] as const;
export type FormType = (typeof formTypes)[number];

/** A negotiation that breaks one rule on purpose. */
export interface Breach {
  /** The command's word. */
  readonly name: string;
  readonly what: string;
  /** Who breaks it. */
  readonly role: "initiator" | "responder";
  /** Behind which form the other side must have noticed. */
  readonly at: FormType;
  readonly section: string;
  readonly condition: StanzaCondition;
  readonly change: Readonly<Partial<Record<FormType, (form: Element) => void>>>;
}

export const breaches: readonly Breach[] = [
  of("d", "d = 1", "responder", "submit", "XEP-0116 §4.6.1", { submit: set("dhkeys", "AQ==") }),
  of("m_B", "a wrong m_B", "responder", "init", "XEP-0116 §4.8", { init: flip("mac") }),
  of("id_B", "a wrong id_B", "responder", "init", "XEP-0116 §4.8", { init: flip("identity") }),
  of("nonce", "a nonce that is none of yours", "responder", "submit", "XEP-0116 §4.5", { submit: flip("nonce") }),
  of("choice", "a cipher that you did not offer", "responder", "submit", "XEP-0116 §4.5", { submit: set("crypt_algs", "rot13") }, "not-acceptable"),
  of("He", "an He that my e does not fit", "initiator", "result", "XEP-0116 §4.7.1", { form: flip("dhhashes") }),
  of("e", "an e that my He does not fit", "initiator", "result", "XEP-0116 §4.7.1", { result: flip("dhkeys") }),
  of("e1", "e = 1, with the He that fits", "initiator", "result", "XEP-0116 §4.7.1", {
    form: set("dhhashes", createHash("sha256").update(Uint8Array.of(1)).digest("base64")),
    result: set("dhkeys", "AQ=="),
  }),
  of("m_A", "a wrong m_A", "initiator", "result", "XEP-0116 §4.7.1", { result: flip("mac") }),
  of("id_A", "a wrong id_A", "initiator", "result", "XEP-0116 §4.7.1", { result: flip("identity") }),
  of(
    "form",
    "a form of type submit where a result is due",
    "initiator",
    "result",
    "XEP-0155 §4.4",
    { result: (form) => void Object.assign(form.attrs, { type: "submit" }) },
    "not-acceptable",
  ),
];

function of(
  name: string,
  what: string,
  role: Breach["role"],
  at: FormType,
  section: string,
  change: Breach["change"],
  condition: StanzaCondition = "feature-not-implemented",
): Breach {
  return { name, what, role, at, section, condition, change };
}

function valuesOf(form: Element, name: string): Element[] {
  const field = form.getChildren("field").find(({ attrs }) => attrs.var === name);
  if (!field) throw new Error(`The form has no ${name}.`);
  return field.getChildren("value");
}

function set(name: string, text: string): (form: Element) => void {
  return (form) => {
    for (const value of valuesOf(form, name)) value.children = [text];
  };
}

/** Another last octet. */
function flip(name: string): (form: Element) => void {
  return (form) => {
    for (const value of valuesOf(form, name)) {
      const octets = Buffer.from(value.getText(), "base64");
      octets[octets.length - 1] = (octets.at(-1) ?? 0) ^ 2;
      value.children = [octets.toString("base64")];
    }
  };
}

/** Which form of a negotiation a stanza holds, and that form. */
export function formOf(stanza: Element): { readonly type: FormType; readonly form: Element } | undefined {
  const init = stanza.getChild("init", "http://www.xmpp.org/extensions/xep-0116.html#ns-init")?.getChild("x", "jabber:x:data");
  if (init) return { type: "init", form: init };
  const form = stanza.getChild("feature", "http://jabber.org/protocol/feature-neg")?.getChild("x", "jabber:x:data");
  const type = form && formTypes.find((one) => one === (form.attrs.type ?? "form"));
  return form && type ? { type, form } : undefined;
}

export function answerIn(form: Element, name: string): string | undefined {
  return form
    .getChildren("field")
    .find(({ attrs }) => attrs.var === name)
    ?.getChildText("value")
    ?.trim();
}

/** A field of which the other side is to choose. */
export interface Offered {
  readonly options: readonly string[];
  readonly required?: boolean;
}

/** A form of XEP-0155. A field is its name and values, or its name and what it offers. */
export function sessionForm(type: "form" | "submit" | "result", fields: Readonly<Record<string, string | Offered>>): Element {
  return xml(
    "feature",
    "http://jabber.org/protocol/feature-neg",
    xml(
      "x",
      { xmlns: "jabber:x:data", type },
      Object.entries<string | Offered>({ FORM_TYPE: "urn:xmpp:ssn", ...fields }).map(([name, value]) =>
        typeof value === "string"
          ? xml("field", { var: name, ...(name === "FORM_TYPE" ? { type: "hidden" } : {}) }, xml("value", {}, value))
          : xml(
              "field",
              { var: name, type: "list-single" },
              value.options.map((option) => xml("option", {}, xml("value", {}, option))),
              value.required ? xml("required") : undefined,
            ),
      ),
    ),
  );
}
