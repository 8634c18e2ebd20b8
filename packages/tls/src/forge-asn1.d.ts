// What of node-forge is used here: its ASN.1 alone. Its X.509 knows RSA only and writes broken otherNames, its TLS ends at 1.1.
declare module "node-forge/lib/asn1.js" {
  namespace asn1 {
    interface Value {
      readonly tagClass: number;
      readonly type: number;
      readonly constructed: boolean;
      readonly value: string | Value[];
    }
    const Class: { readonly UNIVERSAL: number; readonly CONTEXT_SPECIFIC: number };
    const Type: Readonly<Record<"BOOLEAN" | "INTEGER" | "BITSTRING" | "OCTETSTRING" | "NULL" | "OID" | "UTF8" | "SEQUENCE" | "SET" | "UTCTIME" | "GENERALIZEDTIME", number>>;
    function create(tagClass: number, type: number, constructed: boolean, value: string | Value[]): Value;
    function oidToDer(oid: string): { getBytes(): string };
    function derToOid(der: string): string;
    function toDer(value: Value): { getBytes(): string };
    function fromDer(der: string, options: { readonly strict: true; readonly parseAllBytes: true; readonly decodeBitStrings: false }): Value;
  }
  export default asn1;
}
