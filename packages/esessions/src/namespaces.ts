export const NS_INIT = "http://www.xmpp.org/extensions/xep-0116.html#ns-init";
export const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
export const NS_FEATURE = "http://jabber.org/protocol/feature-neg";
export const NS_FORM = "jabber:x:data";
export const NS_SSN = "urn:xmpp:ssn";
export const NS_CLIENT = "jabber:client";
/** Our own field in the first form: how two Balconies know each other, and agree on the compatibility setting. */
export const NS_BALCONY = "urn:xmpp:balcony:esessions:0";
