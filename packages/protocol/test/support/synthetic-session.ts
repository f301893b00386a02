/**
 * A session played by hand, with real cryptography in a small insecure ring, and what its parties keep of it: every step is signed as in a live one, and may
 * be played falsely.
 */
import { readFile } from 'node:fs/promises'
import { architectureOf, calibrate, fuse, importOnnx, type Plan, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import {
  type Bodies,
  canonicalRoster,
  type EvidenceStore,
  encodeDescriptor,
  Gathering,
  LocalCryptography,
  MemorySessionSecrets,
  type RefreshRequest,
  type Role,
  recording,
  type SessionDescriptor,
  type SwitchRequest
} from '@slytherin/protocol'
import { fixedSecrets } from '@slytherin/protocol/testing'
import { digest, hash, toHex } from '../../src/base/digest.js'
import { acceptanceDigest, commitmentTo, sessionIdOf } from '../../src/cohort/digests.js'
import { type CommittedProtocol, commitmentDigest, confirmationDigest, shareCommitment, shareDigest } from '../../src/keys/digests.js'
import { softwareBuild } from '../../src/terms/build.js'
import { createDescriptor } from '../../src/terms/descriptor.js'
import { inputBatches, modelBatches, proofTerms } from '../../src/terms/proof-batches.js'
import { type Assisted, componentsHash, type Statement, statementDigest } from '../../src/terms/statements.js'
import { realSamples } from './real-session.js'

export const ROLES_PLAYED = {
  evaluator: ['evaluator'],
  holder: ['key-holder'],
  owner: ['key-holder', 'model-owner'],
  querier: ['querier', 'data-owner']
} as const satisfies Record<string, readonly Role[]>
export type Played = keyof typeof ROLES_PLAYED
export const PLAYED = Object.keys(ROLES_PLAYED) as Played[]

export interface SyntheticOptions {
  /** Peer id of a party; its name when not given. */
  readonly peer?: (party: Played) => string
  readonly sign: (peer: string, bytes: Uint8Array) => Promise<Uint8Array>
  readonly queries?: number
  /** Which software this is said to be; this one when not given. */
  readonly build?: string
  readonly stores: Partial<Record<Played, EvidenceStore>>
  /** What an evaluator that deviates asks in place of what it came to. */
  readonly deviate?: (assist: Assisted['assist'], c1: Uint8Array[], instance: string) => Uint8Array[]
  /** What a party signs in place of the truth. */
  readonly falsely?: (signer: Played, statement: Statement) => Statement
  /** Share of the keys, or of a refresh, that a holder gives in place of the right one. */
  readonly share?: (holder: Played, what: string, share: Uint8Array) => Uint8Array
  /** Input that the querier sends in place of the right one. */
  readonly input?: (index: number, input: Uint8Array) => Uint8Array
}

export interface SyntheticSession {
  readonly session: string
  readonly descriptor: SessionDescriptor
  readonly sessionId: Uint8Array
  readonly plan: Plan
  peer(party: Played): string
  sign(party: Played, statement: Statement): Promise<{ signer: string; statement: Statement; signature: Uint8Array }>
  readonly predictions: Float64Array[][]
}

export async function syntheticPlan(): Promise<{ plan: Plan; onnx: Uint8Array; ranges: ReturnType<typeof calibrate> }> {
  const onnx = await readFile(new URL('../../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
  const network = fuse(importOnnx(onnx))
  const ranges = calibrate(network, realSamples(64))
  const made = plan(architectureOf(network, ranges), {
    data: 'encrypted',
    weights: 'encrypted',
    batch: 2,
    parties: 2,
    logN: 6,
    insecure: true,
    minimumRefreshes: 1,
    floodingBits: 30,
    maximumDecryptions: 64
  })
  return { plan: made, onnx, ranges }
}

/** Plays a session to its end. */
export async function syntheticSession(options: SyntheticOptions): Promise<SyntheticSession> {
  const peer = options.peer ?? ((party: Played) => party)
  const { plan: agreed, onnx, ranges } = await syntheticPlan()
  const roster = canonicalRoster(PLAYED.map(party => ({ peer: peer(party), roles: ROLES_PLAYED[party] })))
  const named = new Map(PLAYED.map(party => [peer(party), party]))
  const inOrder = roster.map(entry => named.get(entry.peer)!)
  const holders = inOrder.filter(party => (ROLES_PLAYED[party] as readonly Role[]).includes('key-holder'))
  const descriptor: SessionDescriptor = {
    ...createDescriptor({
      build: options.build ?? (await softwareBuild()),
      coordinator: peer('evaluator'),
      roster,
      plan: agreed,
      switchesPerQuerier: 64,
      maximumRefreshes: 1000
    }),
    attempt: '0123456789abcdef0123456789abcdef',
    created: 1_700_000_000_000
  }
  const parties = new Map<Played, LocalCryptography>()
  for (const [seed, party] of PLAYED.entries()) {
    const cryptography = await LocalCryptography.create({
      allowInsecure: true,
      // To find the fastest takes longer than what a party computes on a small ring.
      kernelVariant: 'simd',
      ledger: new InMemoryShareLedger(),
      secrets: new MemorySessionSecrets(fixedSecrets(seed + 1)),
      ...(party === 'owner' ? { model: { name: 'breast cancer', onnx, ranges: () => ranges } } : {})
    })
    parties.set(party, cryptography)
  }
  const of = (party: Played): LocalCryptography => parties.get(party)!
  const kept = new Map<Played, Gathering>()
  for (const party of PLAYED) {
    const store = options.stores[party]
    if (store !== undefined) kept.set(party, new Gathering(store, { self: peer(party), roles: [...ROLES_PLAYED[party]] as Role[] }))
  }
  const everywhere = (act: (evidence: Gathering, party: Played) => void): void => kept.forEach(act)

  // One session id that nobody chose.
  const proposal = encodeDescriptor(descriptor)
  const proposalId = await hash(proposal)
  const resultKey = await of('querier').resultKey(agreed.parameters)
  const entries: Bodies['commitments']['entries'] = []
  const nonces: Bodies['open']['nonces'] = []
  for (const party of inOrder) {
    const nonce = digest('synthetic nonce', party)
    const resultKeyHash = party === 'querier' ? await hash(resultKey) : new Uint8Array(0)
    const commitment = commitmentTo(peer(party), nonce)
    const signature = await options.sign(peer(party), acceptanceDigest(proposalId, peer(party), commitment, resultKeyHash))
    entries.push({ peer: peer(party), commitment, resultKeyHash, signature })
    nonces.push({ peer: peer(party), nonce })
  }
  const sessionId = sessionIdOf(
    proposalId,
    nonces.map((entry, k) => ({ ...entry, resultKeyHash: entries[k]!.resultKeyHash }))
  )
  everywhere(evidence => {
    evidence.handled(
      'propose',
      { descriptor: proposal },
      { commitment: new Uint8Array(0), signature: new Uint8Array(0), resultKey, checksProofs: false, witnesses: 0, from: [] }
    )
    evidence.handled('commitments', { entries }, { nonce: new Uint8Array(0) })
    evidence.handled('open', { nonces, resultKeys: [] }, { signature: new Uint8Array(0) })
  })
  for (const party of PLAYED) {
    const { floodingBits, maximumDecryptions, maximumRefreshes } = descriptor
    const roles = [...ROLES_PLAYED[party]] as Role[]
    const proofs = proofTerms(descriptor, peer(party))
    await of(party).open({ sessionId, plan: agreed, parties: 2, floodingBits, maximumDecryptions, maximumRefreshes, proofs, roles })
  }
  const sign = async (party: Played, truth: Statement) => {
    const statement = options.falsely?.(party, truth) ?? truth
    const signature = await options.sign(peer(party), statementDigest(sessionId, peer(party), statement))
    return { signer: peer(party), statement, signature }
  }
  /** Signed by one, seen by whoever helps with it. */
  const state = async (party: Played, statement: Statement): Promise<void> => {
    const signed = await sign(party, statement)
    everywhere((evidence, keeper) => {
      const seen =
        statement.kind === 'result'
          ? keeper === 'querier' || keeper === 'evaluator'
          : statement.kind === 'query' || statement.kind === 'request'
            ? keeper !== 'querier' || party === 'querier'
            : keeper === party || keeper === 'evaluator' || statement.kind === 'model'
      if (seen) evidence.keep(signed)
    })
  }
  const evaluator = kept.has('evaluator') ? recording(of('evaluator'), kept.get('evaluator')!) : of('evaluator')
  const altered = (holder: Played, what: string, share: Uint8Array): Uint8Array => options.share?.(holder, what, share) ?? share

  // Keys.
  const commit = async (protocol: CommittedProtocol, make: (holder: Played) => Promise<Uint8Array>) => {
    const parts = []
    const commitments = []
    for (const holder of holders) {
      const share = altered(holder, protocol, await make(holder))
      const salt = digest('synthetic salt', protocol, holder)
      const shareHash = await hash(share)
      const commitment = shareCommitment(protocol, sessionId, peer(holder), shareHash, salt)
      commitments.push({
        peer: peer(holder),
        commitment,
        signature: await options.sign(peer(holder), commitmentDigest(protocol, sessionId, peer(holder), commitment))
      })
      parts.push({
        peer: peer(holder),
        share,
        salt,
        signature: await options.sign(peer(holder), shareDigest(protocol, sessionId, peer(holder), shareHash, salt))
      })
    }
    return { parts, commitments }
  }
  const publicKey = await commit('public key', async holder => await of(holder).publicKeyShare())
  const shares = publicKey.parts.map(({ share }) => share)
  let keyHash: Uint8Array = new Uint8Array(32)
  for (const party of PLAYED) keyHash = await of(party).setPublicKey(shares)
  const confirmations: Bodies['publicKeyConfirmed']['entries'] = []
  for (const party of inOrder) {
    confirmations.push({
      peer: peer(party),
      hash: keyHash,
      signature: await options.sign(peer(party), confirmationDigest(sessionId, peer(party), keyHash))
    })
  }
  everywhere(evidence => {
    evidence.handled('publicKeyCommitments', { entries: publicKey.commitments }, {})
    for (const part of publicKey.parts) evidence.handled('publicKeyPart', part, {})
    evidence.handled('publicKeyConfirmed', { entries: confirmations }, {})
  })
  const one = await commit('relinearization', async holder => await of(holder).relinearizationShareOne())
  everywhere((evidence, party) => {
    if (party === 'querier') return
    evidence.committed('relinearization', one.commitments)
    for (const part of one.parts) evidence.revealed('relinearization', part)
  })
  for (const [place, { share }] of one.parts.entries()) {
    await evaluator.addShare('relinearization-1', 'relinearization', place, share)
    for (const holder of holders) await of(holder).addRelinearizationShareOne(place, share)
  }
  const give = async (
    protocol: 'relinearization-2' | 'galois',
    instance: string,
    make: (holder: Played) => Promise<Uint8Array>
  ): Promise<void> => {
    for (const [place, holder] of holders.entries()) {
      const share = altered(holder, protocol, await make(holder))
      await state(holder, { kind: 'key-share', protocol, instance, share: toHex(await hash(share)) })
      await evaluator.addShare(protocol, instance, place, share)
    }
    await evaluator.finishKey(protocol, instance)
  }
  await give('relinearization-2', 'relinearization', async holder => await of(holder).relinearizationShareTwo())
  for (const { element } of agreed.galoisKeys) await give('galois', String(element), async holder => await of(holder).galoisShare(element))

  // Model.
  const parts = []
  for (const { first, count, number } of modelBatches(agreed)) {
    for (let index = first; index < first + count; index++) {
      const part = await of('owner').modelPart(index)
      parts.push(await hash(part))
      await evaluator.storeModelPart(index, part)
    }
    await evaluator.verifyModel(number, await of('owner').proveModel(number))
  }
  const model = toHex(componentsHash(parts))
  await state('owner', { kind: 'model', parts: parts.length, hash: model })

  // Queries.
  const predictions: Float64Array[][] = []
  for (let count = 0; count < (options.queries ?? 1); count++) {
    const query = `query-${count}`
    const asked = await of('querier').openQuery(realSamples(agreed.batch), query)
    const evaluation = await evaluator.openEvaluation(query, peer('querier'))
    const inputs = []
    for (const { first, count, number } of inputBatches(agreed)) {
      for (let index = first; index < first + count; index++) {
        const made = await asked.encryptInput(index)
        const input = options.input?.(index, made) ?? made
        inputs.push(await hash(input))
        await evaluation.storeInput(index, input)
      }
      await evaluation.verifyInputs(number, await asked.proveInputs(number))
    }
    const computed = { query, querier: peer('querier'), inputs: toHex(componentsHash(inputs)), model }
    await state('querier', { kind: 'query', query, querier: computed.querier, samples: agreed.batch, inputs: computed.inputs })
    const assist = async (
      kind: Assisted['assist'],
      request: RefreshRequest | SwitchRequest,
      make: (holder: Played, c1: Uint8Array[]) => Promise<Uint8Array[]>
    ) => {
      const c1 = options.deviate?.(kind, request.c1, request.instance) ?? request.c1
      const step = kind === 'switch' ? agreed.steps.length : Number(request.instance.split('/')[1])
      const hashed = toHex(componentsHash(await Promise.all(c1.map(hash))))
      const assisted: Assisted = { assist: kind, ...computed, step, instance: request.instance, c1: hashed }
      await state('evaluator', { kind: 'request', ...assisted })
      await state('holder', { kind: 'endorsement', ...assisted })
      const given = []
      for (const holder of holders) {
        const own = (await make(holder, c1)).map(share => altered(holder, kind, share))
        await state(holder, { kind: 'shares', ...assisted, shares: toHex(componentsHash(await Promise.all(own.map(hash)))) })
        given.push(own)
      }
      return given
    }
    const result = await evaluation.evaluate({
      refresh: async request => await assist('refresh', request, async (holder, c1) => await of(holder).refreshShare({ ...request, c1 })),
      switchShares: async request =>
        await assist('switch', request, async (holder, c1) => await of(holder).switchShare({ ...request, c1, targetKey: resultKey })),
      refreshWhole: async () => await Promise.reject(new Error('the key is shared')),
      switchWhole: async () => await Promise.reject(new Error('the key is shared')),
      querierHoldsKey: false,
      resultKey: async () => resultKey,
      progress: () => undefined
    })
    await state('evaluator', { kind: 'result', ...computed, result: toHex(componentsHash(await Promise.all(result.map(hash)))) })
    predictions.push(await of('querier').decryptResults(result))
    await evaluation.dispose()
    await asked.dispose()
  }
  everywhere(evidence => evidence.ended(undefined))
  await Promise.all([...kept.values()].map(async evidence => await evidence.written()))
  for (const cryptography of parties.values()) await cryptography.dispose()
  return { session: toHex(sessionId), descriptor, sessionId, plan: agreed, peer, sign, predictions }
}
