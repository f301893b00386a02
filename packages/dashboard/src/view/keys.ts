/** Key epochs with who holds them and what is left of their budgets. */
import type { Budget, EpochStatus } from '../status.js'
import { formatCount, formatDate, formatSeconds, shorten } from './format.js'
import type { Fact } from './queries.js'

export interface BudgetView {
  readonly label: string
  readonly used: number
  readonly limit: number
  readonly text: string
}

export interface EpochView {
  readonly epoch: string
  readonly name: string
  readonly state: string
  readonly tone: 'good' | 'bad' | 'past'
  readonly holders: EpochStatus['holders']
  readonly witnesses: EpochStatus['witnesses']
  readonly facts: readonly Fact[]
  readonly budgets: readonly BudgetView[]
}

export function epochView(epoch: EpochStatus, now: number): EpochView {
  const { holders, witnesses, threshold, state, expires, created, decryptions, refreshes } = epoch
  const over = expires <= now
  return {
    epoch: epoch.epoch,
    name: `${epoch.cohort} · ${shorten(epoch.epoch)}`,
    state,
    tone: over ? 'past' : state === 'ready' || state === 'in force' ? 'good' : 'bad',
    holders,
    witnesses,
    facts: [
      { label: 'needed', value: `${threshold} of ${holders.length} key holders` },
      { label: 'made', value: formatDate(created) },
      { label: 'ends', value: `${formatDate(expires)}${over ? '' : ` (in ${formatSeconds((expires - now) / 1000)})`}` },
      { label: 'ring', value: `N = 2^${epoch.logN}, ${epoch.levels} levels` },
      { label: 'flooding', value: `${epoch.floodingBits} bits` },
      { label: 'shares renewed', value: `${epoch.generation}×` }
    ],
    budgets: [
      ...(decryptions === undefined ? [] : [budgetView('decryptions', decryptions)]),
      ...(refreshes === undefined ? [] : [budgetView('refreshes', refreshes)])
    ]
  }
}

function budgetView(label: string, { used, limit }: Budget): BudgetView {
  return { label, used, limit, text: `${formatCount(used)} of ${formatCount(limit)} ciphertexts` }
}
