/** Sessions in one process with the real cryptography and a trained network. */
import { readFile } from 'node:fs/promises'
import {
  architectureOf,
  calibrate,
  fuse,
  importOnnx,
  type Link,
  type Network,
  type PlanOptions,
  plan,
  type Ranges
} from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import {
  Coordinator,
  type EvidenceStore,
  LocalCryptography,
  type LocalCryptographyOptions,
  Member,
  MemorySessionSecrets,
  type PartyCryptography,
  type PartyOptions,
  type Plan,
  type Role,
  type RosterEntry
} from '@slytherin/protocol'
import { fixedSecrets, MemoryNetwork } from '@slytherin/protocol/testing'
import type { CryptographyHarness } from '@slytherin/protocol/testing/compliance'
import { FakeSigner } from './fake-signer.js'
import { Wire } from './wire.js'

export interface RealSessionOptions {
  readonly roles: Record<string, Role[]>
  /** Besides batch and parties. */
  readonly planning: Pick<PlanOptions, 'data' | 'weights'> & Partial<PlanOptions> & { readonly batch: number }
  readonly queries?: number
  /** Whether lines are measured before the session is planned. */
  readonly measuresLine?: boolean
  /** A network of the breast cancer data; one with a hidden layer when not given. */
  readonly model?: string
  /** A model file with as many features, in place of one of those. */
  readonly onnx?: Uint8Array
  /** The kernel's when not given. */
  readonly evaluator?: LocalCryptographyOptions['evaluator']
  /** Where parties keep evidence. */
  readonly evidence?: Record<string, EvidenceStore>
  /** What a party's cryptography is given besides the usual. */
  readonly cryptography?: Record<string, Partial<LocalCryptographyOptions>>
}

export interface RealSession {
  readonly network: Network
  /** What errors are held against. */
  readonly largestLogit: number
  readonly coordinator: Coordinator
  readonly wire: Wire
  readonly refused: Error[]
  /** Plan of the session, once it was made. */
  readonly plan: () => Plan
  /** What the planner was told of the lines. */
  readonly line: () => Link | undefined
  party(peer: string): Coordinator | Member
}

const DEFAULT_MODEL = 'breast-cancer-wdbc-mlp-square'

interface Model {
  readonly onnx: Uint8Array
  readonly network: Network
  readonly ranges: Ranges
}

const models = new Map<string, Promise<Model>>()

/** Imported and calibrated once for all sessions. */
async function load(name: string, given?: Uint8Array): Promise<Model> {
  if (given !== undefined) return await read(name, given)
  const known = models.get(name) ?? read(name)
  models.set(name, known)
  return await known
}

async function read(name: string, given?: Uint8Array): Promise<Model> {
  const onnx = given ?? (await readFile(new URL(`../../../../models/onnx/${name}.onnx`, import.meta.url)))
  const network = fuse(importOnnx(onnx))
  return { onnx, network, ranges: calibrate(network, realSamples(64)) }
}

/**
 * For sessions of which what is sent, kept and refused is tested, and not how large it is: answers are as exact in such a ring, and keys, ciphertexts and proofs
 * are made in an eighth of the time and less.
 */
export const SMALL_RING = { insecure: true, logN: 10 } as const

/** Features of the breast cancer data. */
const FEATURES = 30

/** Samples that the networks might be asked about. */
export function realSamples(count: number): Float64Array[] {
  return Array.from({ length: count }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * 31 + k)))
}

/** A plan for one of the breast cancer networks. */
export async function wdbcPlan(options: PlanOptions, model: string = DEFAULT_MODEL): Promise<Plan> {
  const { network, ranges } = await load(model)
  return plan(architectureOf(network, ranges), options)
}

/** Members started, coordinator not yet running. */
export async function realSession({
  roles,
  planning,
  queries,
  measuresLine = false,
  model = DEFAULT_MODEL,
  onnx: given,
  evaluator,
  evidence = {},
  cryptography = {}
}: RealSessionOptions): Promise<RealSession> {
  const { onnx, network, ranges } = await load(model, given)
  const wires = new MemoryNetwork()
  const wire = new Wire(wires)
  const roster: RosterEntry[] = Object.entries(roles).map(([peer, list]) => ({ peer, roles: list }))
  const refused: Error[] = []
  const parties = new Map<string, Coordinator | Member>()
  const allowed = planning.insecure === true ? { allowInsecure: true } : {}
  let made: Plan | undefined
  let told: Link | undefined
  const common = async (peer: string, list: Role[]): Promise<PartyOptions> => ({
    transport: wires.transport(peer),
    signer: new FakeSigner(peer),
    roster,
    policy: { data: planning.data, weights: planning.weights, ...allowed },
    onRefused: error => refused.push(error),
    ...(evidence[peer] === undefined ? {} : { evidenceStore: evidence[peer] }),
    cryptography: await LocalCryptography.create({
      ...allowed,
      ...(evaluator === undefined ? {} : { evaluator }),
      ...(list.includes('key-holder')
        ? {
            ledger: new InMemoryShareLedger(),
            secrets: new MemorySessionSecrets()
          }
        : {}),
      ...(list.includes('model-owner') ? { model: { name: 'breast cancer', onnx, ranges: () => ranges } } : {}),
      ...cryptography[peer]
    })
  })
  for (const [peer, list] of Object.entries(roles)) {
    if (list.includes('evaluator')) {
      const options = await common(peer, list)
      const coordinator = new Coordinator({
        ...options,
        ...(queries === undefined ? {} : { limits: { queries } }),
        measuresLine,
        planner: (architecture, { parties: holders, line, floodingBits, maximumDecryptions }) => {
          told = line
          made = plan(architecture, {
            ...planning,
            parties: holders,
            floodingBits,
            ...(maximumDecryptions === undefined ? {} : { maximumDecryptions })
          })
          return made
        }
      })
      parties.set(peer, coordinator)
      continue
    }
    const member = new Member(await common(peer, list))
    member.start()
    parties.set(peer, member)
  }
  const coordinator = Object.keys(roles).find(peer => roles[peer]!.includes('evaluator'))!
  return {
    network,
    largestLogit: ranges.largestLogit,
    coordinator: parties.get(coordinator) as Coordinator,
    wire,
    refused,
    plan: () => made!,
    line: () => told,
    party: peer => parties.get(peer)!
  }
}

/** Largest absolute difference from the clear network, relative to its largest logit. */
export function relativeError(session: RealSession, samples: readonly Float64Array[], logits: readonly Float64Array[]): number {
  if (logits.length !== samples.length) throw new Error(`${logits.length} answers to ${samples.length} samples`)
  let worst = 0
  for (const [i, row] of logits.entries()) {
    const clear = session.network.forward(samples[i]!)
    for (const [k, value] of row.entries()) worst = Math.max(worst, Math.abs(value - clear[k]!))
  }
  return worst / session.largestLogit
}

/**
 * For the compliance suite: a small trained network in a small ring. Whole sessions, and evaluations held against frozen bytes, are in rings that are secure.
 *
 * @param create cryptography with these options
 */
export async function realHarness(create: (options: LocalCryptographyOptions) => Promise<PartyCryptography>): Promise<CryptographyHarness> {
  const { onnx, network, ranges } = await load(DEFAULT_MODEL)
  const [one, two] = realSamples(2) as [Float64Array, Float64Array]
  const architecture = architectureOf(network, ranges)
  let parties = 0
  return {
    plan: async holders => plan(architecture, { ...SMALL, parties: holders }),
    create: async () => {
      const seed = ++parties
      return await create({
        allowInsecure: true,
        ledger: new InMemoryShareLedger(),
        secrets: new MemorySessionSecrets(fixedSecrets(seed)),
        model: { name: DEFAULT_MODEL, onnx, ranges: () => ranges }
      })
    },
    dispose: async () => {},
    samples: [one, two],
    answer: sample => network.forward(sample),
    tolerance: 0.01 * ranges.largestLogit
  }
}

const SMALL = { batch: 2, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1, ...SMALL_RING } as const
