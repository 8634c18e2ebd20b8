export const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
