/**
 * From the ledgers of all holders: whether one of them gave two different shares for one ciphertext. Every share of a refresh or a switch stands there twice, by its
 * attempt and by its ciphertext, and a ciphertext once: attempts that outnumber ciphertexts have met one of them twice.
 */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { statePaths } from '@slytherin/node'
import type { ServiceParty } from './parties.js'

export function secondShares(parties: readonly ServiceParty[]): { shares: number; secondShares: number } {
  let secondShares = 0
  let shares = 0
  for (const { state, roles } of parties) {
    const file = statePaths(state).ledger
    if (!roles.includes('key-holder') || !existsSync(file)) continue
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      for (const protocol of ['refresh', 'switch']) {
        const counted = (name: string): number =>
          Number(database.prepare('SELECT COUNT(*) AS count FROM share WHERE protocol = ?').get(name)?.['count'] ?? 0)
        const attempts = counted(protocol)
        shares += attempts
        secondShares += Math.max(0, attempts - counted(`${protocol} of`))
      }
    } finally {
      database.close()
    }
  }
  return { shares, secondShares }
}
