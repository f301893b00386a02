/** A query as its evaluator's journal has it while it runs: which steps the key holders have helped with, and which of them. */
import { DatabaseSync } from 'node:sqlite'
import { statePaths } from '@slytherin/node'
import { EVALUATOR, type ServiceProcesses } from '../service/parties.js'

const POLL_MS = 5

/** A refresh that is done. */
export interface DoneRefresh {
  /** As the journal names it: step of the plan and pass. */
  readonly step: string
  /** Points of the holders that gave shares. */
  readonly active: readonly number[]
}

interface Journalled {
  readonly attempts: Readonly<
    Record<string, readonly { readonly name: { readonly active: readonly number[] }; readonly state: 'asked' | 'answered' | 'failed' }[]>
  >
}

const isRefresh = (step: string): boolean => /^r\d+\.\d+$/.test(step)

/** The first refresh of a query, as soon as all its shares are there. @throws what the signal was aborted with */
export async function firstRefresh(processes: ServiceProcesses, query: string, signal: AbortSignal): Promise<DoneRefresh> {
  const database = new DatabaseSync(statePaths(processes.party(EVALUATOR).state).records, { readOnly: true })
  try {
    const find = database.prepare("SELECT value FROM record WHERE kind = 'query' AND key = ?")
    for (;;) {
      signal.throwIfAborted()
      const value = find.get(query)?.['value']
      const { attempts } = value === undefined ? { attempts: {} } : (JSON.parse(String(value)) as Journalled)
      for (const [step, tried] of Object.entries(attempts)) {
        const answered = tried.find(({ state }) => state === 'answered')
        if (answered !== undefined && isRefresh(step)) return { step, active: answered.name.active }
      }
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  } finally {
    database.close()
  }
}

/** Shares that each holder gave in a query, by step: from their ledgers. */
export function sharesOf(processes: ServiceProcesses, query: string): Record<string, Record<string, number>> {
  const holders = processes.parties.filter(({ roles }) => roles.includes('key-holder'))
  return Object.fromEntries(holders.map(({ name, state }) => [name, stepsIn(statePaths(state).ledger, query)]))
}

function stepsIn(ledger: string, query: string): Record<string, number> {
  const database = new DatabaseSync(ledger, { readOnly: true })
  try {
    const found = database
      .prepare("SELECT instance FROM share WHERE protocol IN ('refresh', 'switch') AND instance LIKE ?")
      .all(`%:${query}/%`)
    const counts: Record<string, number> = {}
    for (const { instance } of found) {
      const step = String(instance).split('/')[1]!
      counts[step] = (counts[step] ?? 0) + 1
    }
    return counts
  } finally {
    database.close()
  }
}
