/** Who takes part in a session and what each party may do. */

export const ROLES = ['key-holder', 'model-owner', 'data-owner', 'querier', 'evaluator'] as const

/**
 * - `key-holder` keeps a share of the collective secret, helps in ceremony, refresh and switch;
 * - `model-owner` encrypts the network's weights;
 * - `data-owner` encrypts samples and sends them in a query;
 * - `querier` registers the key that results are switched to, and reads them;
 * - `evaluator` computes on ciphertexts and coordinates the session.
 */
export type Role = (typeof ROLES)[number]

export interface RosterEntry {
  /** Peer id, as the transport names it. */
  readonly peer: string
  readonly roles: readonly Role[]
}

/** A roster in canonical order: by peer id, roles in the order of `ROLES`. */
export function canonicalRoster(roster: readonly RosterEntry[]): RosterEntry[] {
  return roster
    .map(entry => ({ peer: entry.peer, roles: ROLES.filter(role => entry.roles.includes(role)) }))
    .sort((a, b) => (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0))
}

export function rolesOf(roster: readonly RosterEntry[], peer: string): readonly Role[] | undefined {
  return roster.find(entry => entry.peer === peer)?.roles
}

export function hasRole(roster: readonly RosterEntry[], peer: string, role: Role): boolean {
  return rolesOf(roster, peer)?.includes(role) ?? false
}

/** Peers with a role, in canonical order; a key holder's place in this list is its party number. */
export function peersWith(roster: readonly RosterEntry[], role: Role): string[] {
  return canonicalRoster(roster)
    .filter(entry => entry.roles.includes(role))
    .map(entry => entry.peer)
}
