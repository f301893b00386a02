import {
  type AcceptancePolicy,
  type Bodies,
  decodeBody,
  EndorsementRefusedError,
  encodeMessage,
  NotEndorsedError,
  type RemoteFailureError,
  type Role,
  readHeader
} from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, samples } from './support/cohort.js'
import { rewrite } from './support/rewrite.js'
import { asked, computed, hashOf, signatureOf } from './support/statements.js'
import { kindOf, Wire } from './support/wire.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')

const ROLES: Record<string, Role[]> = {
  [EVALUATOR]: ['evaluator'],
  holderA: ['key-holder'],
  holderB: ['key-holder'],
  owner: ['model-owner'],
  querier: ['querier', 'data-owner'],
  witnessA: ['witness'],
  witnessB: ['witness']
}

/** Key holders that help with so many endorsements. */
function witnessed(assist: AcceptancePolicy['assist'], roles = ROLES, policies: Record<string, AcceptancePolicy['assist']> = {}): Cohort {
  return cohort({
    roles,
    deadlines: { idle: 800, heartbeat: 100 },
    member: peer => {
      const demand = policies[peer] ?? (roles[peer]?.includes('key-holder') ? assist : undefined)
      const policy = { allowInsecure: true, data: 'encrypted', weights: 'encrypted' } as const
      return { policy: demand === undefined ? policy : { ...policy, assist: demand } }
    }
  })
}

/** Leads a session, asks, leaves. */
async function serve(parties: Cohort, queries = 1) {
  const run = parties.coordinator.run()
  run.catch(() => undefined)
  const querier = parties.member('querier')
  const answers = []
  for (let query = 0; query < queries; query++) answers.push(await querier.query(samples(2)))
  await querier.leave()
  return { summary: await run, answers }
}

describe('witnesses', () => {
  it.each([1, 2])('endorse what they come to themselves, and key holders help with %i endorsements', async witnesses => {
    const parties = witnessed({ witnesses })
    const wire = new Wire(parties.network)
    const finished = parties.member('witnessA').finished()
    const { summary, answers } = await serve(parties, 2)
    expect(answers.flat()).toHaveLength(4)
    const assists = 2 * (parties.plan.refreshes.length + 1)
    expect(summary.witnesses).toBe(2)
    expect(summary.endorsements).toBeGreaterThanOrEqual(witnesses * assists)
    if (witnesses === 2) expect((await finished).endorsements).toBe(assists)
    const { endorsements } = wire.body('refresh', 'holderB', parties.plan)
    expect(endorsements.length).toBeGreaterThanOrEqual(witnesses)
    // Keys and model come to a witness by its own sums and its own checks.
    const fake = parties.fake('witnessA')
    expect(fake.parts.size).toBe(parties.plan.weights.count)
    expect(fake.keys.size).toBe(1 + parties.plan.galoisKeys.length)
    expect(fake.calls).not.toContain('refreshShare')
  })

  it('may be key holders, who then believe their own record and no message', async () => {
    const roles: Record<string, Role[]> = { ...ROLES, holderA: ['key-holder', 'witness'] }
    delete roles['witnessA']
    delete roles['witnessB']
    const parties = witnessed({ witnesses: 1 }, roles)
    expect((await serve(parties)).answers[0]).toHaveLength(2)

    const distrusting = witnessed(undefined, roles, { holderA: { witnesses: 1, from: ['holderA'] } })
    const wire = new Wire(distrusting.network)
    const run = distrusting.coordinator.run()
    await distrusting.member('querier').query(samples(1))
    const honest = wire.body('refresh', 'holderA', distrusting.plan)
    const instance = `${honest.query}/${honest.step}/0`
    const body = await asked(wire, 'refresh', honest.step, { ...honest, instance, c1: [bytes('c1 crafted')] })
    const statement = { ...computed(wire, honest.query), step: honest.step, instance, c1: hex(hashOf(...body.c1)) }
    const signature = await signatureOf(wire.session, 'holderA', { kind: 'endorsement', assist: 'refresh', ...statement })
    const forged = { ...body, endorsements: [{ peer: 'holderA', signature }] }
    const error = await rejection<RemoteFailureError>(wire.send(EVALUATOR, 'holderA', 'refresh', forged))
    expect(error.remote).toBeInstanceOf(NotEndorsedError)
    await distrusting.member('querier').leave()
    await run
  })

  it('are demanded by a key holder before it signs: a session without enough of them is refused, with the line that asks', async () => {
    for (const [assist, actual] of [
      [{ witnesses: 3 }, '2'],
      [{ witnesses: 1, from: ['witnessC'] }, '0'],
      [{ witnesses: 2, from: ['witnessA', 'owner'] }, '1']
    ] as const) {
      const error = await rejection<RemoteFailureError>(witnessed(assist).coordinator.run())
      expect(error.cause).toMatchObject({ remote: { code: 'descriptor-rejected', field: 'roster', actual } })
      expect(error.message).toContain(`assist.witnesses is ${assist.witnesses}`)
    }
  })

  it('are relied on for proofs where they are asked, and a key holder that says so is in no session without one', async () => {
    const unwitnessed: Record<string, Role[]> = { ...ROLES }
    delete unwitnessed['witnessA']
    delete unwitnessed['witnessB']
    for (const assist of [{ proofs: 'witness' }, { proofs: 'witness', witnesses: 0 }] as const) {
      const error = await rejection<RemoteFailureError>(witnessed(assist, unwitnessed).coordinator.run())
      expect(error.cause).toMatchObject({ remote: { code: 'descriptor-rejected', field: 'roster', actual: '0' } })
      expect(error.message).toContain('for assist.proofs is witness here')
    }
    // What asks for one endorsement gets one, whatever its number says.
    const parties = witnessed({ proofs: 'witness', witnesses: 0 })
    const wire = new Wire(parties.network)
    expect((await serve(parties)).answers[0]).toHaveLength(2)
    expect(wire.body('refresh', 'holderA', parties.plan).endorsements.length).toBeGreaterThan(0)
    for (const witness of ['witnessA', 'witnessB']) {
      expect(parties.fake(witness).calls).toEqual(expect.arrayContaining(['verifyModel', 'verifyInputs']))
    }
    // A key holder checks nothing itself then.
    expect(parties.fake('holderA').calls).not.toContain('verifyEncryptions')
  })

  it('endorse nothing of inputs that are not proved', async () => {
    const parties = witnessed({ proofs: 'witness', witnesses: 2 })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    rewrite(parties, 'witnessProof', 'witnessB', body => ({ ...body, proof: bytes('no proof') }))
    const error = await rejection<RemoteFailureError>(parties.member('querier').query(samples(1)))
    expect(error.remote).toMatchObject({ code: 'proof-missing', kind: 'endorse', field: 'query', peer: EVALUATOR, actual: '0' })
    expect(error.remote.reason).toContain('refused by witnessB')
    expect(parties.fake('holderA').calls).not.toContain('refreshShare')
    await parties.member('querier').leave()
    await run
  })
})

describe('of two witnesses', () => {
  /** What this witness is asked about is not what the others are. */
  const lie = (parties: Cohort, peer: string): void => {
    const wire = new Wire(parties.network)
    wire.fault = async message => {
      if (message.to !== peer || kindOf(message) !== 'endorse') return undefined
      const header = readHeader(message.bytes, message.from)
      const body = decodeBody('endorse', header.body, undefined, message.from)
      const { query, step, instance } = body
      const c1 = new Uint8Array(32).fill(7)
      const statement = {
        kind: 'request',
        assist: body.assist as 'refresh',
        ...computed(wire, query),
        step,
        instance,
        c1: hex(c1)
      } as const
      return encodeMessage(header, 'endorse', { ...body, c1, signature: await signatureOf(wire.session, EVALUATOR, statement) })
    }
  }

  it('one that comes to something else refuses and names the evaluator: enough with one demanded, too few with two', async () => {
    const one = witnessed({ witnesses: 1 })
    lie(one, 'witnessB')
    expect((await serve(one)).answers[0]).toHaveLength(2)
    expect(one.refused.some(({ error }) => error instanceof EndorsementRefusedError)).toBe(true)

    const two = witnessed({ witnesses: 2 })
    lie(two, 'witnessB')
    const run = two.coordinator.run()
    const error = await rejection<RemoteFailureError>(two.member('querier').query(samples(1)))
    expect(error.remote).toBeInstanceOf(EndorsementRefusedError)
    expect(error.remote).toMatchObject({ kind: 'endorse', field: 'c1', peer: EVALUATOR, actual: '07'.repeat(32) })
    expect(error.remote.reason).toContain('refused by witnessB')
    await two.member('querier').leave()
    await run
  })

  it('one signs another hash: its endorsement is none', async () => {
    const forge = (parties: Cohort): void =>
      rewrite(parties, 'endorsement', EVALUATOR, (body, from) =>
        from === 'witnessB' ? { signature: body.signature.map(byte => byte ^ 1) } : body
      )
    const one = witnessed({ witnesses: 1 })
    forge(one)
    expect((await serve(one)).answers[0]).toHaveLength(2)

    const two = witnessed({ witnesses: 2 })
    forge(two)
    const run = two.coordinator.run()
    const error = await rejection<RemoteFailureError>(two.member('querier').query(samples(1)))
    expect(error.remote).toMatchObject({ code: 'signature', peer: 'witnessB', kind: 'endorse', culprit: 'witnessB' })
    await two.member('querier').leave()
    await run
  })

  it('one is slow: the other is enough, and the slow one follows on', async () => {
    const parties = witnessed({ witnesses: 1 })
    const gate = Promise.withResolvers<void>()
    parties.fake('witnessB').gate = method => (method === 'evaluate' ? gate.promise : undefined)
    const run = parties.coordinator.run()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    gate.resolve()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    expect((await run).queries).toBe(2)
  })

  it('both are needed and one is slow: it is waited for, as long as it answers pings', async () => {
    const parties = witnessed({ witnesses: 2 })
    parties.fake('witnessB').gate = method => (method === 'evaluate' ? new Promise(resolve => setTimeout(resolve, 2500)) : undefined)
    expect((await serve(parties)).answers[0]).toHaveLength(2)
  })

  it('one dies: the other is enough, or the session ends and names it', async () => {
    const one = witnessed({ witnesses: 1 })
    const run = one.coordinator.run()
    await one.member('querier').ready()
    one.network.kill('witnessB')
    expect(await one.member('querier').query(samples(1))).toHaveLength(1)
    await one.member('querier').leave()
    await run

    const two = witnessed({ witnesses: 2 })
    const ended = two.coordinator.run()
    ended.catch(() => undefined)
    await two.member('querier').ready()
    two.network.kill('witnessB')
    const error = await rejection(two.member('querier').query(samples(1)))
    expect(error).toMatchObject({ code: 'party-missing', peer: 'witnessB' })
    expect(await rejection(ended)).toMatchObject({ code: 'party-missing', peer: 'witnessB' })
    for (const holder of ['holderA', 'holderB']) expect(two.fake(holder).calls).not.toContain('refreshShare')
  })

  it('one loses its connection in the middle, and comes back', async () => {
    const parties = witnessed({ witnesses: 2 })
    let cut = 0
    parties.network.setFault(message => {
      if (message.to === 'witnessB' && kindOf(message) === 'endorse' && cut++ < 2) return 'drop'
      return undefined
    })
    expect((await serve(parties)).answers[0]).toHaveLength(2)
    expect(cut).toBeGreaterThan(1)
  })
})

describe('a key holder that demands an endorsement', () => {
  it('gives nothing before it, nor for one of another instance, step, query, session or peer', async () => {
    const parties = witnessed({ witnesses: 1 })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    await parties.member('querier').query(samples(1))
    const honest = wire.body('refresh', 'holderA', parties.plan)
    const later = parties.plan.refreshes[1]!
    const { query, querier } = honest
    const other = { query, querier, step: later.step, instance: `${query}/${later.step}/0`, c1: [bytes('c1 crafted')] }
    const { level, scale, magnitude } = later
    const body = await asked(wire, 'refresh', later.step, { ...honest, ...other, level, scale, magnitude })
    const { step, instance } = other
    const right = {
      ...computed(wire, query),
      step,
      instance,
      assist: 'refresh',
      kind: 'endorsement',
      c1: hex(hashOf(...other.c1))
    } as const
    const wrong: [Bodies['refresh']['endorsements'], object][] = [
      [[], { code: 'not-endorsed', field: 'endorsements', actual: '0', culprit: EVALUATOR }],
      [honest.endorsements, { code: 'signature', field: 'endorsements[0]' }],
      ...(await Promise.all(
        [
          { instance: honest.instance },
          { step: honest.step },
          { query: 'p' },
          { querier: 'owner' },
          { inputs: '00'.repeat(32) },
          { model: '00'.repeat(32) },
          { assist: 'switch' } as const
        ].map(
          async (change): Promise<[Bodies['refresh']['endorsements'], object]> => [
            [{ peer: 'witnessA', signature: await signatureOf(wire.session, 'witnessA', { ...right, ...change }) }],
            { code: 'signature', field: 'endorsements[0]' }
          ]
        )
      )),
      [
        [{ peer: 'witnessA', signature: await signatureOf(new Uint8Array(32), 'witnessA', right) }],
        { code: 'signature', field: 'endorsements[0]' }
      ],
      [[{ peer: 'owner', signature: await signatureOf(wire.session, 'owner', right) }], { code: 'unknown-member', actual: 'owner' }],
      [[1, 2].map(() => ({ peer: 'witnessA', signature: new Uint8Array(8) })).slice(0, 1), { code: 'signature', field: 'endorsements[0]' }]
    ]
    for (const [endorsements, expected] of wrong) {
      const error = await rejection<RemoteFailureError>(wire.send(EVALUATOR, 'holderA', 'refresh', { ...body, endorsements }))
      expect(error.remote).toMatchObject({ kind: 'refresh', peer: EVALUATOR, ...expected })
    }
    await parties.member('querier').leave()
    await run
  })
})

describe('a witness takes nothing on the evaluator’s word', () => {
  const flip = (value: Uint8Array): Uint8Array => value.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

  it('no share of a key that its holder has not signed, no part of the model that its owner has not', async () => {
    const key = witnessed({ witnesses: 1 })
    rewrite(key, 'witnessShare', 'witnessA', body =>
      body.protocol === 'galois' ? { ...body, share: bytes(`${body.share} forged`) } : body
    )
    expect(await rejection(key.coordinator.run())).toMatchObject({ cause: { remote: { code: 'signature', kind: 'witnessShare' } } })

    const roundOne = witnessed({ witnesses: 1 })
    rewrite(roundOne, 'witnessShare', 'witnessA', body => ({ ...body, signature: flip(body.signature) }))
    expect(await rejection(roundOne.coordinator.run())).toMatchObject({ cause: { remote: { code: 'signature', kind: 'witnessShare' } } })

    const model = witnessed({ witnesses: 1 })
    rewrite(model, 'modelAnnounce', 'witnessA', body => ({ ...body, signature: flip(body.signature) }))
    expect(await rejection(model.coordinator.run())).toMatchObject({ cause: { remote: { code: 'signature', kind: 'modelAnnounce' } } })
  })

  it('no inputs that their owner has not signed, and no shares of a refresh that their givers have not', async () => {
    const inputs = witnessed({ witnesses: 2 })
    const run = inputs.coordinator.run()
    await inputs.member('querier').ready()
    // Another input, as good as the right one.
    rewrite(inputs, 'witnessInput', 'witnessB', body =>
      body.index === 1 ? { ...body, ciphertext: bytes(`${text(body.ciphertext)} `) } : body
    )
    const error = await rejection<RemoteFailureError>(inputs.member('querier').query(samples(1)))
    expect(error.remote).toMatchObject({ code: 'signature', kind: 'witnessInput', peer: EVALUATOR })
    await inputs.member('querier').leave()
    await run

    const shares = witnessed({ witnesses: 1 })
    const ended = shares.coordinator.run()
    await shares.member('querier').ready()
    for (const [witness] of [['witnessB']] as const) {
      rewrite(shares, 'witnessRefreshed', witness, body => ({ ...body, signature: flip(body.signature) }))
    }
    expect(await shares.member('querier').query(samples(1))).toHaveLength(1)
    await shares.member('querier').leave()
    await ended
    expect(shares.refused.some(({ at, error }) => at === 'witnessB' && 'kind' in error && error.kind === 'witnessRefreshed')).toBe(true)
  })
})

const text = (value: Uint8Array): string => new TextDecoder().decode(value)
