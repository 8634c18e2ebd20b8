import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { classes, Message, methods, parseMessage } from "werift";
import { Gathering } from "../src/gather.js";

/** What a STUN server does with the question, whose transaction it is told. */
type Answer = (socket: Socket, transaction: Buffer) => void;

const message = (transaction: Buffer, kind: number, change: (message: Message) => unknown = () => undefined): Buffer => {
  const answer = new Message(methods.BINDING, kind as never, transaction);
  change(answer);
  return answer.addFingerprint().bytes;
};
const mapped = (answer: Message) => answer.setAttribute("XOR-MAPPED-ADDRESS", ["198.51.100.7", 5000]);
const sends =
  (bytes: (transaction: Buffer) => Uint8Array): Answer =>
  (socket, transaction) =>
    void socket.write(bytes(transaction));

malformedTable<Answer>("A STUN server that is asked over TCP", {
  rules: [
    { section: "RFC 8489 §5", text: "what comes is a STUN message, of a length that can be one" },
    { section: "RFC 8489 §6.3.3", text: "a success has a mapped address, and answers what was asked" },
    { section: "RFC 8489 §6.3.4", text: "an error is an error" },
    { section: "RFC 8489 §6.2.2", text: "an answer comes, on the connection on which was asked" },
    { section: "RFC 8489 §14.7", text: "a fingerprint is right" },
  ],
  rows: [
    { name: "HTTP", breaks: "RFC 8489 §5", input: sends(() => Buffer.from(`HTTP/1.1 400 Bad Request\r\n${"x".repeat(20_000)}`)), code: "ice-stun" },
    { name: "zeros", breaks: "RFC 8489 §5", input: sends(() => Buffer.alloc(20)), code: "ice-stun" },
    { name: "more than any answer", breaks: "RFC 8489 §5", input: sends(() => Buffer.alloc(1501)), code: "ice-stun" },
    { name: "a question in return", breaks: "RFC 8489 §6.3.3", input: sends((id) => message(id, classes.REQUEST)), code: "ice-stun" },
    { name: "an indication", breaks: "RFC 8489 §6.3.3", input: sends((id) => message(id, classes.INDICATION)), code: "ice-stun" },
    { name: "a success without address", breaks: "RFC 8489 §6.3.3", input: sends((id) => message(id, classes.RESPONSE)), code: "ice-stun" },
    { name: "the answer to another question", breaks: "RFC 8489 §6.3.3", input: sends(() => message(Buffer.alloc(12, 1), classes.RESPONSE, mapped)), code: "ice-stun" },
    {
      name: "an error",
      breaks: "RFC 8489 §6.3.4",
      input: sends((id) => message(id, classes.ERROR, (answer) => answer.setAttribute("ERROR-CODE", [500, "Server Error"]))),
      code: "ice-stun",
    },
    {
      name: "a fingerprint of another message",
      breaks: "RFC 8489 §14.7",
      input: sends((id) => {
        const bytes = Buffer.from(message(id, classes.RESPONSE, mapped));
        bytes.writeUInt32BE(7, bytes.length - 4);
        return bytes;
      }),
      code: "ice-stun",
    },
    { name: "the end", breaks: "RFC 8489 §6.2.2", input: (socket) => void socket.end(), code: "ice-stun" },
    {
      name: "half an answer and the end",
      breaks: "RFC 8489 §6.2.2",
      input: (socket, id) => void socket.end(message(id, classes.RESPONSE, mapped).subarray(0, 15)),
      code: "ice-stun",
    },
    { name: "a reset", breaks: "RFC 8489 §6.2.2", input: (socket) => void socket.resetAndDestroy(), code: "ice-stun" },
    { name: "silence", breaks: "RFC 8489 §6.2.2", input: () => undefined, code: "timeout" },
    { name: "half an answer and silence", breaks: "RFC 8489 §6.2.2", input: sends((id) => message(id, classes.RESPONSE, mapped).subarray(0, 15)), code: "timeout" },
  ],
  run: async (answer) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("data", (question: Buffer) => answer(socket, parseMessage(question)?.transactionId ?? Buffer.alloc(12)));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const gathering = new Gathering(() => undefined);
    const { port } = server.address() as AddressInfo;
    const code = await gathering.reflexive("127.0.0.1", { host: "127.0.0.1", port }, { timeout: 300, preference: 1 }).then(
      (candidate) => (candidate ? "accepted" : "no candidate"),
      (error: unknown) => (error instanceof BalconyError ? error.code : String(error)),
    );
    gathering.stop();
    server.close();
    for (const socket of sockets) socket.destroy();
    return code;
  },
});
