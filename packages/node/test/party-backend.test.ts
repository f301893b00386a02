/** A party as what stands behind a gateway: what it is asked over its socket, and what its refusals mean to who asks over HTTP. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServedModel } from '@slytherin/gateway'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { controlAddress } from '../src/control/address.js'
import type { CommandHandlers } from '../src/control/commands.js'
import type { Failure } from '../src/control/errors.js'
import { ControlServer } from '../src/control/server.js'
import { PartyBackend } from '../src/gateway/party-backend.js'

const GRANT = 'b'.repeat(64)
const evaluator = { peer: 'e', name: 'carol' }
const MODEL: ServedModel = {
  release: 'a'.repeat(64),
  name: 'lenet',
  revision: '2',
  owner: 'company',
  shape: [2],
  magnitude: 1,
  batch: 4,
  features: 1,
  values: 1,
  task: 'binary',
  grants: [{ grant: GRANT, expires: 9, queries: 100 }]
}

let state: string
let server: ControlServer | undefined
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'slytherin-backend-'))
})
afterEach(async () => {
  await server?.close()
  server = undefined
  await rm(state, { recursive: true, force: true })
})

async function backendOf(handlers: Partial<CommandHandlers>): Promise<PartyBackend> {
  server = await ControlServer.listen({
    address: controlAddress(state),
    handlers: handlers as CommandHandlers,
    failure: error => (error as { readonly failure?: Failure }).failure ?? { code: 'internal', message: `${error}` }
  })
  return new PartyBackend({ state, file: 'party.yaml', name: 'clinic' })
}

const asked = { model: MODEL, grant: GRANT, rows: 2, values: Float64Array.of(0.5, -0, 1e-300, 1) }
const never = new AbortController().signal

describe('a party behind a gateway', () => {
  it('is asked for the models that it may ask, and says when its evaluator is away', async () => {
    const owner = { peer: 'o', name: 'company' }
    let state: 'up' | 'down' = 'up'
    const backend = await backendOf({
      'query.models': async () => ({ evaluator: { ...evaluator, state }, models: [{ ...MODEL, owner }] })
    })
    expect(await backend.catalogue()).toEqual({ party: 'clinic', missing: [], models: [MODEL] })
    state = 'down'
    expect((await backend.catalogue()).missing).toEqual(['the evaluator carol is not connected'])
  })

  it('is sent samples as they are, and its answer is told sample by sample', async () => {
    let heard: Parameters<CommandHandlers['query.ask']>[0] | undefined
    const backend = await backendOf({
      'query.ask': async parameters => {
        heard = parameters
        const answer = { task: 'binary', predictions: [1, 'no'], logits: [[2.5], [-1]], values: [[0.92], [0.27]], nearTies: [1] }
        return { query: 'q', model: 'lenet', querier: evaluator, samples: 2, state: 'answered', expires: 0, answer }
      }
    })
    expect(await backend.predict(asked, never)).toEqual([
      { logits: [2.5], values: [0.92], prediction: 1, nearTie: false },
      { logits: [-1], values: [0.27], prediction: 'no', nearTie: true }
    ])
    expect(heard).toMatchObject({ model: 'lenet', revision: '2', grant: GRANT, follow: true, transient: true, samples: { rows: 2 } })
    const { values } = heard!.samples as { readonly values: string }
    expect(new Float64Array(new Uint8Array(Buffer.from(values, 'base64')).buffer)).toEqual(asked.values)
  })

  it.each<[string, Failure]>([
    ['quota-spent', { code: 'grant-refused', message: 'spent', field: 'queries' }],
    ['grant-refused', { code: 'grant-refused', message: 'revoked', field: 'grant' }],
    ['queue-full', { code: 'queue-full', message: 'full' }],
    ['refused', { code: 'release-refused', message: 'withdrawn' }],
    ['failed', { code: 'malformed-message', message: 'got 0.5' }]
  ])('that refuses is %s', async (code, failure) => {
    const backend = await backendOf({
      'query.ask': async () => {
        throw Object.assign(new Error(), { failure })
      }
    })
    const refused = backend.predict(asked, never)
    await expect(refused).rejects.toMatchObject({ code, message: expect.not.stringContaining('0.5') })
  })

  it('that is not there, or ends in between, is named so', async () => {
    await expect(new PartyBackend({ state, file: 'f', name: 'clinic' }).catalogue()).rejects.toMatchObject({ code: 'party-absent' })
    const asking = Promise.withResolvers<void>()
    const backend = await backendOf({
      'query.ask': async () => {
        asking.resolve()
        return await new Promise<never>(() => undefined)
      }
    })
    const lost = backend.predict(asked, never)
    await asking.promise
    await server?.close()
    await expect(lost).rejects.toMatchObject({ code: 'failed' })
  })

  it('hears of a caller that leaves', async () => {
    const [started, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const backend = await backendOf({
      'query.ask': async (_parameters, { signal }) => {
        started.resolve()
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
        ended.resolve()
        throw new Error('left')
      }
    })
    const leaving = new AbortController()
    const left = backend.predict(asked, leaving.signal)
    await started.promise
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await ended.promise
  })
})
