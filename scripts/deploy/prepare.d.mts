/** Parties of the compose file. */
export const ROLES: Readonly<Record<string, readonly string[]>>
