import { BalconyError } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";
import { NS_FORM, NS_SSN } from "./namespaces.js";
import { fromBase64 } from "./octets.js";

/** A data form of the negotiation (XEP-0004, XEP-0155) as it was read. The element is kept: it is what both sides hash. */
export interface Form {
  readonly element: Element;
  readonly type: string;
  /** By `var`: the options, where there are any, else the values. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

const MOST_FIELDS = 64;
const MOST_VALUES = 256;

export const formError = (message: string): BalconyError =>
  new BalconyError("esession-form", `A form of the ESession's negotiation is malformed: ${message}.`, { phase: "negotiate" });

/** Is this a form of stanza session negotiation at all? */
export function isSessionForm(x: Element): boolean {
  return childElements(x).some((field) => field.is("field", NS_FORM) && field.attrs.var === "FORM_TYPE" && field.getChildText("value") === NS_SSN);
}

/** @throws `esession-form` */
export function readForm(x: Element): Form {
  const fields = new Map<string, readonly string[]>();
  for (const field of childElements(x)) {
    if (!field.is("field", NS_FORM)) continue; // <title/>, <instructions/>: hashed, and of no meaning here
    const name = field.attrs.var;
    if (name === undefined) throw formError("a field without var");
    if (fields.has(name)) throw formError(`two fields ${JSON.stringify(name)}`);
    if (fields.size >= MOST_FIELDS) throw formError(`more than ${MOST_FIELDS} fields`);
    const options = field.getChildren("option").map((option) => option.getChildText("value"));
    const values = options.length > 0 ? options : field.getChildren("value").map((value) => value.getText());
    if (values.length > MOST_VALUES) throw formError(`more than ${MOST_VALUES} values in ${JSON.stringify(name)}`);
    fields.set(
      name,
      values.map((value) => (value ?? "").trim()),
    );
  }
  if (fields.get("FORM_TYPE")?.[0] !== NS_SSN) throw formError("FORM_TYPE is not urn:xmpp:ssn");
  return { element: x, type: x.attrs.type ?? "form", fields };
}

/** The fields that whoever sent the form must have answered (XEP-0004 §3.2, `<required/>`), in their order. */
export function required({ element, fields }: Form): string[] {
  const marked = childElements(element).filter((field) => childElements(field).some((child) => child.is("required", NS_FORM)));
  return [...fields.keys()].filter((name) => marked.some(({ attrs }) => attrs.var === name));
}

/** The one value of a field, or undefined where there is no such field. @throws `esession-form` for several */
export function single(form: Form, name: string): string | undefined {
  const values = form.fields.get(name);
  if (values && values.length !== 1) throw formError(`${name} needs one value`);
  return values?.[0];
}

/** A field's one value as bytes. @throws `esession-form` */
export function octets(form: Form, name: string, lengths: { readonly from: number; readonly to: number }): Uint8Array {
  return decoded(single(form, name), name, lengths);
}

/** All of a field's values as bytes. @throws `esession-form` */
export function allOctets(form: Form, name: string, lengths: { readonly from: number; readonly to: number }): Uint8Array[] {
  const values = form.fields.get(name);
  if (!values || values.length === 0) throw formError(`no ${name}`);
  return values.map((value) => decoded(value, name, lengths));
}

function decoded(text: string | undefined, name: string, { from, to }: { readonly from: number; readonly to: number }): Uint8Array {
  if (text === undefined) throw formError(`no ${name}`);
  const value = fromBase64(text);
  if (!value || value.length < from || value.length > to) throw formError(`${name} is not ${from === to ? from : `${from} to ${to}`} octets of base64`);
  return value;
}

/** What a boolean field says. @throws `esession-form` */
export function flag(form: Form, name: string): boolean | undefined {
  const value = single(form, name);
  if (value === undefined) return undefined;
  if (value === "1" || value === "true") return true;
  if (value === "0" || value === "false") return false;
  throw formError(`${name} is neither true nor false`);
}

/** A field to be written: by name, its values, and the type where one is told. */
export type FieldSpec = readonly [name: string, values: readonly string[], type?: string | undefined];

export function writeForm(type: "form" | "submit" | "result", fields: readonly FieldSpec[]): Element {
  return xml(
    "x",
    { xmlns: NS_FORM, type },
    fields.map(([name, values, fieldType]) => {
      const list = fieldType === "list-single" || fieldType === "list-multi";
      return xml(
        "field",
        { type: fieldType, var: name },
        values.map((value) => (list ? xml("option", {}, xml("value", {}, value)) : xml("value", {}, value))),
      );
    }),
  );
}
