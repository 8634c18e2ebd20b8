import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { parseElement } from "@balcony/xml";
import { readEncrypted } from "../src/encrypted-content.js";

const NS = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const c = (inner: string) => `<c xmlns='${NS}'>${inner}</c>`;
const mac = "<mac>AAAA</mac>";

malformedTable("what XEP-0200 says of a <c/>", {
  rules: [
    { section: "XEP-0200 §5", text: "the content holds <data/>, <new/>, <key/>, <old/> and <mac/>, base64 but for the number" },
    { section: "XEP-0200 §6", text: "<mac/> goes with them" },
    { section: "XEP-0200 §13", text: "<data/>, <key/>, <mac/>, <new/> at most once; <new/> is a positive integer" },
  ],
  rows: [
    { name: "nothing but the MAC", breaks: [], input: c(mac), code: "accepted" },
    { name: "white space between", breaks: [], input: c(` <data>AA AA</data>\n${mac} `), code: "accepted" },
    { name: "text between", breaks: "XEP-0200 §5", input: c(`x${mac}`), code: "stanza-malformed" },
    { name: "an unknown child", breaks: "XEP-0200 §5", input: c(`<evil/>${mac}`), code: "stanza-malformed" },
    { name: "a child of another namespace", breaks: "XEP-0200 §5", input: c(`<data xmlns='x'>AAAA</data>${mac}`), code: "stanza-malformed" },
    { name: "an element in <data/>", breaks: "XEP-0200 §5", input: c(`<data>AAAA<x/></data>${mac}`), code: "stanza-malformed" },
    { name: "<data/> not base64", breaks: "XEP-0200 §5", input: c(`<data>A=AA</data>${mac}`), code: "stanza-malformed" },
    { name: "an empty <data/>, which would leave the counter where it is", breaks: "XEP-0200 §5", input: c(`<data/>${mac}`), code: "stanza-malformed" },
    { name: "<key/> not base64", breaks: "XEP-0200 §5", input: c(`<key>!</key>${mac}`), code: "stanza-malformed" },
    { name: "an empty <key/>", breaks: "XEP-0200 §5", input: c(`<key/>${mac}`), code: "stanza-malformed" },
    { name: "<old/> not base64", breaks: "XEP-0200 §5", input: c(`<old>AAA</old>${mac}`), code: "stanza-malformed" },
    { name: "no <mac/>", breaks: "XEP-0200 §6", input: c("<data>AAAA</data>"), code: "stanza-malformed" },
    { name: "<mac/> not base64", breaks: "XEP-0200 §6", input: c("<mac>AAA</mac>"), code: "stanza-malformed" },
    { name: "two <data/>", breaks: "XEP-0200 §13", input: c(`<data>AAAA</data><data>AAAA</data>${mac}`), code: "stanza-malformed" },
    { name: "two <mac/>", breaks: "XEP-0200 §13", input: c(mac + mac), code: "stanza-malformed" },
    { name: "two <key/>", breaks: "XEP-0200 §13", input: c(`<key>AAAA</key><key>AAAA</key>${mac}`), code: "stanza-malformed" },
    { name: "two <new/>", breaks: "XEP-0200 §13", input: c(`<new>1</new><new>1</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> of 0", breaks: "XEP-0200 §13", input: c(`<new>0</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> negative", breaks: "XEP-0200 §13", input: c(`<new>-1</new>${mac}`), code: "stanza-malformed" },
    { name: "<new/> no number", breaks: "XEP-0200 §13", input: c(`<new>one</new>${mac}`), code: "stanza-malformed" },
    { name: "<old/> without end", breaks: "XEP-0200 §5", input: c(`${"<old>AAAA</old>".repeat(65)}${mac}`), code: "stanza-malformed" },
  ],
  run: (input) => {
    try {
      readEncrypted(parseElement(input));
      return "accepted";
    } catch (error) {
      return error instanceof BalconyError ? error.code : String(error);
    }
  },
});
