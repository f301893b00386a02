/** A party that only asks, among whole parties: what it hears of, and what it asks. */
import {
  type AskableRelease,
  AskingNode,
  LocalAsking,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySecretStore
} from '@slytherin/protocol/service'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { FakeSigner } from '../support/fake-signer.js'
import { realSamples } from '../support/real-session.js'
import { errorOf } from './support/small-model.js'
import { type Service, served, until } from './support/whole-service.js'

const SAMPLES = realSamples(2)
const PARTIES = ['evaluator', 'holder-1', 'holder-2', 'holder-3', 'owner', 'querier-1']
const PAGE = 'querier-2'

let kernel: Kernel
beforeAll(async () => {
  kernel = await loadKernel()
})

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function page(service: Service): { readonly node: AskingNode; readonly errors: string[] } {
  const errors: string[] = []
  const cryptography = new LocalAsking({ self: PAGE, kernel, allowInsecure: true })
  const node = AskingNode.start({
    transport: service.network.transport(PAGE),
    signer: new FakeSigner(PAGE),
    software: 'test',
    roster: service.roster.filter(({ peer }) => peer !== PAGE),
    cryptography,
    stores: { documents: new MemoryDocumentStore(), records: new MemoryRecordStore(), secrets: new MemorySecretStore() },
    policy: { allowInsecure: true },
    onError: error => void errors.push(error.message)
  })
  ends.push(async () => {
    await node.stop()
    await cryptography.dispose()
  })
  return { node, errors }
}

async function granted(node: AskingNode): Promise<AskableRelease> {
  await until(async () => (await node.askable()).some(({ grants }) => grants.length > 0), 'a grant')
  return (await node.askable())[0]!
}

test('it hears of models and of its grants alone, asks with proofs, and reads the answer', async () => {
  const { service, release, grant } = await served({ parties: PARTIES })
  service.roster.push({ peer: PAGE, roles: ['querier', 'data-owner'] })
  await grant('querier-1')
  const { node, errors } = page(service)
  await until(async () => (await node.askable()).length === 1, 'a model')
  expect(await node.askable()).toMatchObject([{ release, grants: [] }])
  const own = await grant(PAGE)
  const model = await granted(node)
  expect(model.grants).toEqual([own])
  const sent: Uint8Array[] = []
  service.network.setFault(({ from, bytes }) => {
    if (from === PAGE) sent.push(bytes.slice())
    return undefined
  })
  await node.prepare(model)
  const { logits } = await node.client.ask(release, SAMPLES, { grant: own, signal: AbortSignal.timeout(60_000) })
  expect(logits).toHaveLength(SAMPLES.length)
  expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
  expect(await node.client.pending()).toEqual([])
  expect(errors).toEqual([])
  // No number of a sample has left.
  const left = Buffer.concat(sent)
  expect(left.length).toBeGreaterThan(10_000)
  const values = SAMPLES.flatMap(sample => [...sample]).filter(value => Math.abs(value) > 1e-3)
  const forms = values.map(value => Buffer.from(Float64Array.of(value).buffer))
  expect(forms.filter(form => left.includes(form))).toEqual([])
  expect(Buffer.concat([left, forms[0]!]).includes(forms[0]!)).toBe(true)
})
