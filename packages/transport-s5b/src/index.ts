export { type S5bOptions, s5b } from "./transport.js";
