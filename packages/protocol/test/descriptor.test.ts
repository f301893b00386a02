import type { Operands } from '@slytherin/engine'
import {
  type AcceptancePolicy,
  DescriptorRejectedError,
  decodeDescriptor,
  encodeDescriptor,
  MalformedMessageError,
  type ProtocolError,
  type RemoteFailureError,
  type Role,
  type RosterEntry,
  type SessionAbortedError,
  type SessionDescriptor
} from '@slytherin/protocol'
import { FakeCryptography, TINY_ARCHITECTURE } from '@slytherin/protocol/testing'
import { describe, expect, it } from 'vitest'
import { cohort, EVALUATOR, rejection, SEPARATE, testPlan } from './support/cohort.js'

const ROSTER: RosterEntry[] = [
  { peer: 'a', roles: ['key-holder', 'evaluator'] },
  { peer: 'b', roles: ['key-holder', 'model-owner'] },
  { peer: 'c', roles: ['querier'] }
]

function descriptor(changes: Partial<SessionDescriptor> = {}): SessionDescriptor {
  const plan = testPlan(2)
  return {
    version: 3,
    build: 'ab'.repeat(32),
    attempt: '00112233445566778899aabbccddeeff',
    created: 1_700_000_000_000,
    coordinator: 'a',
    roster: ROSTER,
    parameters: plan.parameters,
    plan,
    floodingBits: 30,
    maximumDecryptions: 60,
    switchesPerQuerier: 60,
    maximumRefreshes: 360,
    batch: 12,
    proofs: true,
    ...changes
  }
}

function refused(bytes: Uint8Array): ProtocolError {
  try {
    decodeDescriptor(bytes, 'a')
  } catch (error) {
    return error as ProtocolError
  }
  throw new Error('it was taken')
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a descriptor', () => {
  it('survives its canonical bytes, which do not depend on the order of keys', () => {
    const original = descriptor()
    const bytes = encodeDescriptor(original)
    expect(decodeDescriptor(bytes, 'a')).toEqual(original)
    const reversed = Object.fromEntries(Object.entries(original).reverse()) as unknown as SessionDescriptor
    expect(encodeDescriptor(reversed)).toEqual(bytes)
  })

  it('is refused when it is not canonical JSON', () => {
    const text = new TextDecoder().decode(encodeDescriptor(descriptor()))
    for (const other of [
      '',
      'null',
      '{',
      ` ${text}`,
      text.replace('"batch":12', '"batch":12.0'),
      text.replace('"batch":12', '"batch":12,"batch":12')
    ]) {
      expect(refused(utf8(other))).toBeInstanceOf(MalformedMessageError)
    }
    expect(refused(Uint8Array.of(0xff, 0xfe))).toMatchObject({ code: 'malformed-message', field: 'descriptor' })
  })

  it.each<[string, object]>([
    ['version', { version: 1 }],
    ['attempt', { attempt: 'once' }],
    ['created', { created: -1 }],
    ['roster', { roster: [] }],
    ['roster.0.roles.0', { roster: [{ peer: 'a', roles: ['king'] }] }],
    ['floodingBits', { floodingBits: 29 }],
    ['maximumDecryptions', { maximumDecryptions: 0 }],
    ['switchesPerQuerier', { switchesPerQuerier: 1.5 }],
    ['maximumRefreshes', { maximumRefreshes: -1 }],
    ['plan', { plan: { version: 1 } }],
    ['', { extra: 1 }]
  ])('is refused for a bad %s', (field, changes) => {
    const error = refused(encodeDescriptor(descriptor(changes)))
    expect(error).toMatchObject({ code: 'malformed-message', peer: 'a', kind: 'propose', field: `descriptor.${field}` })
  })

  const roster = (...entries: [string, Role[]][]): RosterEntry[] => entries.map(([peer, roles]) => ({ peer, roles }))
  it.each<[string, string, Partial<SessionDescriptor>]>([
    ['a peer twice', 'roster', { roster: [...ROSTER, { peer: 'c', roles: ['querier'] }] }],
    ['another order', 'roster', { roster: [...ROSTER].reverse() }],
    [
      'two evaluators',
      'roster',
      { roster: roster(['a', ['key-holder', 'evaluator']], ['b', ['key-holder', 'model-owner']], ['c', ['querier', 'evaluator']]) }
    ],
    ['another coordinator', 'coordinator', { coordinator: 'b' }],
    ['no model owner', 'roster', { roster: roster(['a', ['key-holder', 'evaluator']], ['b', ['key-holder']], ['c', ['querier']]) }],
    ['no querier', 'roster', { roster: roster(['a', ['key-holder', 'evaluator']], ['b', ['key-holder', 'model-owner']]) }],
    ['no key holder', 'roster', { roster: roster(['a', ['evaluator']], ['b', ['model-owner']], ['c', ['querier']]) }],
    ['a cohort of another size', 'plan.parties', { plan: testPlan(3), parameters: testPlan(3).parameters }],
    ['another batch', 'batch', { batch: 11 }],
    ['other flooding', 'floodingBits', { floodingBits: 31 }],
    ['other decryptions', 'maximumDecryptions', { maximumDecryptions: 61 }],
    ['a quota above all decryptions', 'switchesPerQuerier', { switchesPerQuerier: 61 }]
  ])('is refused for %s, with a remedy', (_name, field, changes) => {
    const error = refused(encodeDescriptor(descriptor(changes)))
    expect(error).toBeInstanceOf(DescriptorRejectedError)
    expect(error).toMatchObject({ field, peer: 'a' })
    expect(error.remedy?.length).toBeGreaterThan(10)
  })

  it('is refused when its parameters are not its plan’s', () => {
    const error = refused(encodeDescriptor(descriptor({ parameters: { ...testPlan(2).parameters, scale: 3 } })))
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'parameters' })
  })
})

describe('a party signs a descriptor only when it fits its own configuration', () => {
  async function verdict(at: string, changes: { policy?: AcceptancePolicy; roster?: RosterEntry[] }): Promise<SessionAbortedError> {
    const parties = cohort({ roles: SEPARATE, member: peer => (peer === at ? changes : {}) })
    const error = await rejection<SessionAbortedError>(parties.coordinator.run())
    expect(error).toMatchObject({ code: 'session-aborted', culprit: at })
    return error
  }
  const remote = (error: SessionAbortedError): ProtocolError => (error.cause as RemoteFailureError).remote

  it('parameters below the security table', async () => {
    expect(remote(await verdict('holderA', { policy: {} }))).toMatchObject({
      code: 'descriptor-rejected',
      field: 'parameters',
      peer: EVALUATOR
    })
  })

  it('less flooding than it wants', async () => {
    const error = remote(await verdict('holderA', { policy: { allowInsecure: true, minimumFloodingBits: 40 } }))
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'floodingBits', expected: 'at least 40', actual: '30' })
  })

  it('a larger statistical distance of flooded results than it wants, naming the line of its configuration', async () => {
    const error = remote(await verdict('holderA', { policy: { allowInsecure: true, minimumFloodingDistanceBits: 40 } }))
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'plan.floodingDistanceBits' })
    expect(error.expected).toContain('at least 40')
    expect(error.remedy).toContain('session.minimumFloodingDistanceBits')
  })

  const planned = testPlan(Object.values(SEPARATE).filter(roles => roles.includes('key-holder')).length).precision

  it('less precision than it wants, as bits or as an error', async () => {
    const { relativeError, worstError } = planned
    const bits = Math.ceil(-Math.log2(relativeError)) + 1
    const coarse = remote(await verdict('holderA', { policy: { allowInsecure: true, precision: { bits } } }))
    expect(coarse).toMatchObject({ code: 'descriptor-rejected', field: 'plan.precision', actual: relativeError.toPrecision(3) })
    expect(coarse.expected).toBe(`a logit error of at most ${(2 ** -bits).toPrecision(3)}`)
    expect(coarse.remedy).toContain('session.precision')
    const wrong = remote(await verdict('holderA', { policy: { allowInsecure: true, precision: { logitError: worstError / 2 } } }))
    expect(wrong).toMatchObject({ code: 'descriptor-rejected', field: 'plan.precision', actual: worstError.toPrecision(3) })
  })

  it('and one that is as exact as it wants is refused for other reasons only', async () => {
    const { worstError } = planned
    const checkPlan = (): never => {
      throw new Error('looked at after precision')
    }
    for (const precision of [{ logitError: worstError }, { bits: Math.floor(-Math.log2(planned.relativeError)) }]) {
      const error = remote(await verdict('holderA', { policy: { allowInsecure: true, precision, checkPlan } }))
      expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'plan' })
    }
  })

  it('more switches than it grants', async () => {
    const error = remote(await verdict('holderA', { policy: { allowInsecure: true, maximumSwitchesPerQuerier: 5 } }))
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'switchesPerQuerier', expected: 'at most 5', actual: '60' })
  })

  it('more refreshes than it grants', async () => {
    const error = remote(await verdict('holderA', { policy: { allowInsecure: true, maximumRefreshes: 100 } }))
    // 20 queries of three ciphertexts, each refreshed twice and begun twice.
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'maximumRefreshes', expected: 'at most 100', actual: '240' })
  })

  it.each<[string, string, string, Record<string, Role[]>]>([
    ['data', 'encrypted', 'encrypted', { [EVALUATOR]: ['evaluator', 'key-holder', 'model-owner'], patient: ['data-owner', 'querier'] }],
    ['data', 'encrypted', 'clear', { [EVALUATOR]: ['evaluator', 'key-holder', 'model-owner'], patient: ['querier'] }],
    ['weights', 'encrypted', 'encrypted', { [EVALUATOR]: ['evaluator', 'key-holder', 'data-owner', 'querier'], patient: ['model-owner'] }],
    ['weights', 'clear', 'encrypted', { [EVALUATOR]: ['evaluator', 'key-holder', 'data-owner', 'querier'], patient: ['model-owner'] }]
  ])(
    'an evaluator that alone holds the key of the %s of others, where data are %s and weights %s',
    async (operand, data, weights, roles) => {
      const operands = { data, weights } as Operands
      const policy: AcceptancePolicy = { allowInsecure: true, ...operands }
      const parties = cohort({ roles, operands })
      const error = await rejection<SessionAbortedError>(parties.coordinator.run())
      // An honest evaluator refuses its own proposal; one that is not is refused by whoever is to encrypt.
      expect(error.cause).toMatchObject({ code: 'descriptor-rejected', field: `plan.operands.${operand}` })
      const dishonest = cohort({ roles, operands, coordinator: { policy: { ...policy, allowSoleKeyEvaluator: true } } })
      const refused = await rejection<SessionAbortedError>(dishonest.coordinator.run())
      expect(refused).toMatchObject({ culprit: 'patient' })
      expect(remote(refused)).toMatchObject({ code: 'descriptor-rejected', field: `plan.operands.${operand}`, peer: EVALUATOR })
    }
  )

  it('another roster: a peer more, or other roles', async () => {
    const entries = Object.entries(SEPARATE).map(([peer, roles]) => ({ peer, roles }))
    const more = remote(await verdict('owner', { roster: [...entries, { peer: 'holderD', roles: ['key-holder'] }] }))
    expect(more).toMatchObject({ code: 'descriptor-rejected', field: 'roster' })
    const other = await rejection<SessionAbortedError>(
      cohort({
        roles: SEPARATE,
        member: peer =>
          peer === 'owner'
            ? { roster: entries.map(entry => (entry.peer === 'owner' ? { peer: 'owner', roles: ['key-holder'] } : entry)) }
            : {}
      }).coordinator.run()
    )
    expect(other.cause).toMatchObject({
      remote: {
        code: 'descriptor-rejected',
        kind: 'hello',
        field: 'roster',
        actual: 'owner is key-holder here, model-owner there'
      }
    })
  })

  it('a plan for another architecture than its model’s', async () => {
    const other = { ...TINY_ARCHITECTURE, name: 'another' }
    const parties = cohort({
      roles: SEPARATE,
      member: peer => (peer === 'owner' ? { cryptography: new FakeCryptography('owner', other) } : {})
    })
    const error = await rejection<SessionAbortedError>(parties.coordinator.run())
    expect(remote(error)).toMatchObject({ code: 'descriptor-rejected', field: 'plan.architecture', actual: 'another, tiny' })
  })

  it('a plan that its owner refuses', async () => {
    const checkPlan = (): void => {
      throw new Error('this is not my model')
    }
    const error = remote(await verdict('owner', { policy: { allowInsecure: true, checkPlan } }))
    expect(error).toMatchObject({ code: 'descriptor-rejected', field: 'plan', reason: 'this is not my model' })
  })
})

describe('the coordinator', () => {
  it('passes its limits to the planner and puts them into the descriptor', async () => {
    const seen: object[] = []
    const parties = cohort({
      roles: SEPARATE,
      maximumDecryptions: 90,
      coordinator: {
        limits: { floodingBits: 30, maximumDecryptions: 90, queries: 4 },
        planner: (_architecture, context) => {
          seen.push(context)
          return testPlan(3, 90)
        }
      }
    })
    const run = parties.coordinator.run()
    await parties.coordinator.ready()
    parties.coordinator.close()
    expect(await run).toMatchObject({ floodingBits: 30, maximumDecryptions: 90, switchesPerQuerier: 12 })
    expect(seen).toMatchObject([{ parties: 3, floodingBits: 30, maximumDecryptions: 90 }])
  })

  it('says what the planner said', async () => {
    const parties = cohort({
      roles: SEPARATE,
      coordinator: {
        planner: () => {
          throw new RangeError('no ring holds this model')
        }
      }
    })
    const error = await rejection<SessionAbortedError>(parties.coordinator.run())
    expect(error).toMatchObject({ culprit: EVALUATOR, phase: 'plan', reason: 'no ring holds this model' })
  })

  it('leads one session at a time', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    expect(await rejection(parties.coordinator.run())).toMatchObject({ code: 'out-of-order-message' })
    await parties.coordinator.ready()
    parties.coordinator.close()
    await run
  })
})
