/** Who takes part in a session and what each party may do. */

export const ROLES = ['key-holder', 'model-owner', 'data-owner', 'querier', 'evaluator', 'witness'] as const

/**
 * - `key-holder` keeps a share of the collective secret, helps in ceremony, refresh and switch;
 * - `model-owner` encrypts the network's weights;
 * - `data-owner` encrypts samples and sends them in a query;
 * - `querier` registers the key that results are switched to, and reads them;
 * - `evaluator` computes on ciphertexts and coordinates the session;
 * - `witness` computes the same from the same signed messages, and signs what key holders may be asked.
 */
export type Role = (typeof ROLES)[number]

/** A party of a session, with all roles that it has there. */
export interface RosterEntry {
  /** Peer id, as the transport names it. */
  readonly peer: string
  /** At least one. */
  readonly roles: readonly Role[]
}

/** A roster in canonical order: by peer id, roles in the order of `ROLES`. */
export function canonicalRoster(roster: readonly RosterEntry[]): RosterEntry[] {
  return roster
    .map(entry => ({ peer: entry.peer, roles: ROLES.filter(role => entry.roles.includes(role)) }))
    .sort((a, b) => (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0))
}

/** A peer's roles; undefined when it is not in the roster. */
export function rolesOf(roster: readonly RosterEntry[], peer: string): readonly Role[] | undefined {
  return roster.find(entry => entry.peer === peer)?.roles
}

/** Whether a peer is in the roster with this role. */
export function hasRole(roster: readonly RosterEntry[], peer: string, role: Role): boolean {
  return rolesOf(roster, peer)?.includes(role) ?? false
}

/** A roster as lines of text, in canonical order: peer id, a blank, roles with commas between. */
export function rosterLines(roster: readonly RosterEntry[]): string[] {
  return canonicalRoster(roster).map(({ peer, roles }) => `${peer} ${roles.join(',')}`)
}

/** What two rosters differ in, in words, the order of entries and roles aside; undefined when in nothing. */
export function rosterDifference(here: readonly string[], there: readonly string[]): string | undefined {
  const read = (lines: readonly string[]): Map<string, string> =>
    new Map(lines.map(line => [line.split(' ')[0]!, line.split(' ')[1] ?? '']))
  const [own, other] = [read(here), read(there)]
  const differences: string[] = []
  for (const [peer, roles] of own) {
    const theirs = other.get(peer)
    if (theirs === undefined) differences.push(`${peer} is missing there`)
    else if (theirs !== roles) differences.push(`${peer} is ${roles} here, ${theirs} there`)
  }
  for (const [peer, roles] of other) if (!own.has(peer)) differences.push(`${peer} is missing here, ${roles} there`)
  if (there.length !== other.size) differences.push('a peer stands there more than once')
  return differences.length === 0 ? undefined : differences.join('; ')
}

/** Whether one party holds the whole key and is the only one that may ask queries: then all inputs are encrypted with the secret key. */
export function asksWithWholeKey(roster: readonly RosterEntry[]): boolean {
  const holders = peersWith(roster, 'key-holder')
  const asking = new Set([...peersWith(roster, 'data-owner'), ...peersWith(roster, 'querier')])
  return holders.length === 1 && asking.size === 1 && asking.has(holders[0]!)
}

/** Peers with a role, in canonical order; a key holder's place in this list is its party number. */
export function peersWith(roster: readonly RosterEntry[], role: Role): string[] {
  return canonicalRoster(roster)
    .filter(entry => entry.roles.includes(role))
    .map(entry => entry.peer)
}
