/** Parties of the compose file. */
export const ROLES: Readonly<Record<string, readonly string[]>>

/** What deploy/compose/fleet.yaml mounts, by its place beside the parties' directories; and the section of the evaluator's configuration. */
export function fleetFiles(password: string): { readonly section: string; readonly files: Readonly<Record<string, string>> }
