import { createInterface } from "node:readline";
import { type Session, xml } from "balcony";
import type { Output } from "./output.js";
import { printable, sendable } from "./printable.js";

/** Lines of text with a person at the other end: each line of stdin is a message, each message a line. Ends with stdin, or when the peer closes. */
export async function exchangeLines(session: Session, output: Output): Promise<void> {
  session.on("stanza", (stanza) => {
    const body = stanza.name === "message" ? stanza.getChildText("body") : null;
    // At a terminal a message could do what it likes to the screen; a program gets it as it is.
    if (body !== null) output.payload({ event: "message", from: session.peer, body }, process.stdout.isTTY ? printable(body) : body);
  });
  const lines = createInterface({ input: process.stdin, terminal: false });
  session.once("close", () => lines.close());
  try {
    for await (const body of lines) {
      if (session.status !== "online") return;
      await session.send(xml("message", { type: "chat" }, xml("body", {}, sendable(body))));
    }
  } finally {
    lines.close();
    process.stdin.destroy(); // else a stdin that stays open keeps the process
  }
}
