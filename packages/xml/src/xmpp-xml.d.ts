// What of @xmpp/xml is used here: its own types turn to `any` under NodeNext.
declare module "@xmpp/xml" {
  export class Element {
    constructor(name: string, attrs?: object | string);
    name: string;
    parent: Element | null;
    children: (Element | string)[];
    attrs: Record<string, string | undefined>;
    findNS(prefix?: string): string | undefined;
    getXmlns(): Record<string, string>;
  }
  export function createElement(name: string, attrs: object | string, ...children: unknown[]): object;
}
