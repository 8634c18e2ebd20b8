import { TrustStore } from "@balcony/trust";
import envPaths from "env-paths";

/** Opens the store where it is asked for, or under the platform's data folder. */
export async function openStore({ folder, passphrase }: { readonly folder?: string; readonly passphrase?: string | (() => Promise<string>) }): Promise<TrustStore> {
  return await TrustStore.open({ folder: folder ?? envPaths("balcony", { suffix: "" }).data, ...(passphrase !== undefined && { passphrase }) });
}
