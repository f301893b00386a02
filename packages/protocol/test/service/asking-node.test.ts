/** A party that only asks, among whole parties: what it hears of, what it asks, and what it does not believe. */
import {
  type AskableRelease,
  AskingNode,
  decodeCall,
  encodeCall,
  GRANT,
  LocalAsking,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySecretStore,
  RELEASE
} from '@slytherin/protocol/service'
import { type Kernel, loadKernel } from '@slytherin/ring'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
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

test('a grant that is issued while the evaluator greets it comes after the epoch that it is of', async () => {
  const { service, grant } = await served({ parties: PARTIES })
  service.roster.push({ peer: PAGE, roles: ['querier', 'data-owner'] })
  // The evaluator has seen what the party lacks, and is reading it.
  const { documents } = service.disk('evaluator')
  const reading = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const get = documents.get.bind(documents)
  vi.spyOn(documents, 'get').mockImplementation(async (kind, identifier) => {
    if (kind.kind === RELEASE.kind) {
      reading.resolve()
      await goOn.promise
    }
    return await get(kind, identifier)
  })
  const { node, errors } = page(service)
  await reading.promise
  const own = await grant(PAGE)
  await until(async () => (await documents.list({ kind: GRANT.kind })).length > 0, 'the grant at the evaluator')
  // As long as an offer would take.
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(await node.askable()).toEqual([])
  goOn.resolve()
  expect((await granted(node)).grants).toEqual([own])
  expect(errors).toEqual([])
})

test('another public key than the one that all holders have signed is refused, and so is a changed result', async () => {
  const { service, release, grant } = await served({ parties: PARTIES })
  service.roster.push({ peer: PAGE, roles: ['querier', 'data-owner'] })
  const { node } = page(service)
  const own = await grant(PAGE)
  const model = await granted(node)
  let forged = 'epoch/public-key'
  service.network.setFault(({ from, to, direction, bytes }) => {
    if (from !== 'evaluator' || to !== PAGE || direction !== 'response') return undefined
    const call = decodeCall(bytes, from)
    if (call.kind !== forged) return undefined
    const blobs = call.blobs.map(blob => blob.slice())
    blobs.at(-1)![blobs.at(-1)!.length - 1]! ^= 1
    return encodeCall(call.kind, call.head, blobs)
  })
  await expect(node.prepare(model)).rejects.toMatchObject({ name: 'MalformedMessageError', field: 'publicKey', peer: 'evaluator' })
  forged = 'query/result'
  const asked = node.client.ask(release, SAMPLES, { grant: own, signal: AbortSignal.timeout(60_000) })
  await expect(asked).rejects.toMatchObject({ name: 'SignatureError' })
})
