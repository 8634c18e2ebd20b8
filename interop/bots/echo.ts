import type { ESession } from "@balcony/esessions";
import { xml } from "@balcony/xml";

/** Repeats in the session what is said in it. */
export function echo(session: ESession, report: (error: unknown) => void): void {
  session.channel.onStanza(({ stanza }) => {
    const text = stanza.name === "message" && stanza.attrs.type !== "error" ? stanza.getChildText("body") : undefined;
    if (text) session.channel.send(xml("message", {}, xml("body", {}, `You said: ${text}`))).catch(report);
    return true;
  });
  session.deliver();
}
