import { type Operands, plan } from '@slytherin/engine'
import {
  Coordinator,
  type CoordinatorOptions,
  type Deadlines,
  Member,
  type MemberOptions,
  type Plan,
  type ProgressEvent,
  type Role,
  type RosterEntry
} from '@slytherin/protocol'
import { FakeCryptography, MemoryNetwork, TINY_ARCHITECTURE } from '@slytherin/protocol/testing'
import { FakeSigner } from './fake-signer.js'

export const EVALUATOR = 'evaluator'

export interface CohortOptions {
  roles: Record<string, Role[]>
  maximumDecryptions?: number
  operands?: Operands
  deadlines?: Partial<Deadlines>
  coordinator?: Partial<CoordinatorOptions>
  member?: (peer: string) => Partial<MemberOptions>
}

export interface Cohort {
  readonly network: MemoryNetwork
  readonly roster: RosterEntry[]
  readonly coordinator: Coordinator
  readonly members: Map<string, Member>
  readonly cryptography: Map<string, FakeCryptography>
  readonly progress: (ProgressEvent & { at: string })[]
  readonly refused: { error: Error; peer: string; at: string }[]
  readonly plan: Plan
  member(peer: string): Member
  fake(peer: string): FakeCryptography
  /** Makes a member anew, as a restarted process would. */
  restart(peer: string): Member
}

const ENCRYPTED: Operands = { data: 'encrypted', weights: 'encrypted' }
const plans = new Map<string, Plan>()

/** A real plan, in a ring far too small for anything but tests: 12 samples in 3 batch blocks of one ciphertext each, two refreshes. */
export function testPlan(parties: number, maximumDecryptions = 60, operands: Operands = ENCRYPTED): Plan {
  const key = `${parties} ${maximumDecryptions} ${operands.data} ${operands.weights}`
  let known = plans.get(key)
  if (known === undefined) {
    known = plan(TINY_ARCHITECTURE, {
      // two samples to a slot would leave too few messages to count
      packing: 'real',
      batch: 12,
      ...operands,
      parties,
      logN: 5,
      insecure: true,
      minimumRefreshes: 2,
      floodingBits: 30,
      maximumDecryptions
    })
    plans.set(key, known)
  }
  return known
}

/** Parties in one process, members started, nothing running yet. */
export function cohort(options: CohortOptions): Cohort {
  const network = new MemoryNetwork()
  const roster = Object.entries(options.roles).map(([peer, roles]) => ({ peer, roles }))
  const holders = roster.filter(({ roles }) => roles.includes('key-holder')).length
  const agreed = testPlan(holders, options.maximumDecryptions, options.operands)
  const cryptography = new Map<string, FakeCryptography>()
  const members = new Map<string, Member>()
  const progress: (ProgressEvent & { at: string })[] = []
  const refused: { error: Error; peer: string; at: string }[] = []
  const common = (peer: string): MemberOptions => {
    const fake = new FakeCryptography(peer)
    cryptography.set(peer, fake)
    return {
      transport: network.transport(peer),
      signer: new FakeSigner(peer),
      roster,
      cryptography: fake,
      policy: { allowInsecure: true, ...options.operands },
      deadlines: { idle: 1000, roster: 2000, heartbeat: 100, ...options.deadlines },
      onProgress: event => progress.push({ ...event, at: peer }),
      onRefused: (error, culprit) => refused.push({ error, peer: culprit, at: peer })
    }
  }
  const start = (peer: string): Member => {
    const member = new Member({ ...common(peer), ...options.member?.(peer) })
    member.start()
    members.set(peer, member)
    return member
  }
  let coordinator: Coordinator | undefined
  for (const { peer, roles } of roster) {
    if (roles.includes('evaluator')) coordinator = new Coordinator({ ...common(peer), planner: () => agreed, ...options.coordinator })
    else start(peer)
  }
  return {
    network,
    roster,
    coordinator: coordinator!,
    members,
    cryptography,
    progress,
    refused,
    plan: agreed,
    member: peer => members.get(peer)!,
    fake: peer => cryptography.get(peer)!,
    restart: start
  }
}

/** Three key holders, a model owner, a querier and a separate evaluator. */
export const SEPARATE: Record<string, Role[]> = {
  [EVALUATOR]: ['evaluator'],
  holderA: ['key-holder'],
  holderB: ['key-holder'],
  holderC: ['key-holder'],
  owner: ['model-owner'],
  querier: ['querier', 'data-owner']
}

export function samples(count: number): Float64Array[] {
  return Array.from({ length: count }, (_, i) => Float64Array.of(i + 1, 2 * i, -0.5 * i))
}

/** The error that a promise rejects with. */
export async function rejection<E extends Error>(promise: Promise<unknown>): Promise<E> {
  const outcome = await promise.then(
    value => ({ value }),
    error => ({ error })
  )
  if ('error' in outcome) return outcome.error as E
  throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`)
}
