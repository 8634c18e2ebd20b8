import { parseElement } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { hasCommonMethod, methodsOf } from "../src/index.js";
import { findOffer } from "../src/offer.js";

const ns = "xmlns='urn:xmpp:tmp:c2ctls'";
const offer = (content: string) => parseElement(`<offer ${ns}>${content}</offer>`);

describe("what a XEP-0250 offer lists", () => {
  it.each([
    [
      "XEP-0250's own example",
      "<keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>428b</name></keyinfo><keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>89d0</name></keyinfo><srp/>",
      ["x509", "srp"],
    ],
    ["a certificate that cannot be verified yet", "<insecure/><srp/>", ["x509", "srp"]],
    ["kaa's, with the namespace said again", `<keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>9458</name></keyinfo><srp ${ns}/>`, ["x509", "srp"]],
    ["a key in today's namespace", "<keyinfo xmlns='urn:xmpp:pubkey:2'/>", ["x509"]],
    ["methods by name, as XTLS has them", "<method name='x509'/><method name='srp'/><method name='psk'/><method/>", ["x509", "srp"]],
    ["unknown methods, which are ignored", "<kerberos/><sas/>some text", []],
    ["nothing", "", []],
  ])("%s", (_, content, methods) => {
    expect([...methodsOf(offer(content))]).toEqual(methods);
  });

  it("is in common with us if x509 is among it, or if there is no offer", () => {
    expect(hasCommonMethod(undefined)).toBe(true);
    expect(hasCommonMethod(offer("<insecure/>"))).toBe(true);
    expect(hasCommonMethod(offer("<srp/>"))).toBe(false);
  });

  it("is found in its own namespace alone", () => {
    const parent = parseElement(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><offer/><offer xmlns='urn:other'/><offer ${ns}><srp/></offer></starttls>`);
    expect(findOffer(parent)?.getChild("srp")).toBeDefined();
    expect(findOffer(parseElement("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"))).toBeUndefined();
  });
});
