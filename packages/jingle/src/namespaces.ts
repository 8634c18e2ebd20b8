export const NS_JINGLE = "urn:xmpp:jingle:1";
export const NS_JINGLE_ERRORS = "urn:xmpp:jingle:errors:1";
