import { type StanzaCondition, writeStanzaError } from "@balcony/channel";
import { childElements, clone, type Element, type Jid, xml } from "@balcony/xml";
import { isSessionForm, writeForm } from "./form.js";
import { NS_FEATURE, NS_FORM, NS_INIT, NS_SSN } from "./namespaces.js";

/**
 * What goes to a server of a session: no type, no body, and every hint against copies. With type chat or a body both servers that were tried make carbons of it, and keep it in
 * the archive; `private` and `no-copy` alone are still archived.
 */
export function envelope(to: Jid, thread: string, ...children: readonly Element[]): Element {
  const hint = (name: string): Element => xml(name, "urn:xmpp:hints");
  return xml("message", { to }, xml("thread", {}, thread), [...children], xml("private", "urn:xmpp:carbons:2"), hint("no-copy"), hint("no-store"), hint("no-permanent-store"));
}

export function wrapForm(form: Element, wrapper: "feature" | "init"): Element {
  return wrapper === "feature" ? xml("feature", NS_FEATURE, form) : xml("init", NS_INIT, form);
}

/** XEP-0155, "Rejecting a Session": the form that is refused goes back with the error. */
export function refusal(to: Jid, thread: string, refused: Element, condition: StanzaCondition, fields: readonly string[]): Element {
  const error = writeStanzaError({
    type: "cancel",
    condition,
    application:
      fields.length > 0
        ? xml(
            "feature",
            NS_FEATURE,
            fields.map((name) => xml("field", { var: name })),
          )
        : undefined,
  });
  return xml("message", { to, type: "error" }, xml("thread", {}, thread), xml("feature", NS_FEATURE, clone(refused)), error);
}

/** XEP-0155, "Rejecting a Session" and "Canceling": a form that says no. */
export const no = (type: "submit" | "result"): Element =>
  writeForm(type, [
    ["FORM_TYPE", [NS_SSN]],
    ["accept", ["0"]],
  ]);

/** The negotiation form in a message, and what wraps it. */
export function formIn(message: Element): { readonly form: Element; readonly wrapper: "feature" | "init" } | undefined {
  for (const child of childElements(message)) {
    const wrapper = child.is("feature", NS_FEATURE) ? "feature" : child.is("init", NS_INIT) ? "init" : undefined;
    const form = wrapper && child.getChild("x", NS_FORM);
    if (wrapper && form && isSessionForm(form)) return { form, wrapper };
  }
  return undefined;
}

export const threadOf = (message: Element): string | undefined => message.getChildText("thread")?.trim() || undefined;

/** Of an offline ESession (XEP-0187): a response that nobody has asked for, and what came with it. */
export function isOffline(stanza: Element): boolean {
  const found = stanza.name === "message" && threadOf(stanza) !== undefined ? formIn(stanza) : undefined;
  return found?.wrapper === "init" && found.form.attrs.type === "submit";
}
