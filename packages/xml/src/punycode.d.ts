declare module "punycode/punycode.js" {
  const punycode: { encode(label: string): string; decode(label: string): string };
  export default punycode;
}
