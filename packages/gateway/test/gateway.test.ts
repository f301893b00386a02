/** A gateway over real sockets, in front of a backend that only pretends: who is let in, what is answered, what is told instead, and what the log may know. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AnsweredRequest, BackendError, Gateway, type GatewayOptions, type ServedModel, TokenFile } from '@slytherin/gateway'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkBinding } from '../src/access/binding.js'
import { answerTo, FakeBackend, GRANT, MODEL, OTHER_GRANT } from './support/fake-backend.js'

let directory: string
let backend: FakeBackend
let tokens: TokenFile
const logged: unknown[] = []
const gateways: Gateway[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-gateway-'))
  backend = new FakeBackend()
  tokens = new TokenFile(join(directory, 'tokens.json'))
  logged.length = 0
})
afterEach(async () => {
  await Promise.all(gateways.splice(0).map(async gateway => await gateway.stop()))
  await rm(directory, { recursive: true, force: true })
})

async function start(options: Partial<GatewayOptions> = {}): Promise<string> {
  const onRequest = (request: AnsweredRequest): void => void logged.push(request)
  const onError = (error: unknown): void => void logged.push(error)
  const gateway = await Gateway.start({ backend, tokens, version: '0', port: 0, batchDelay: 1, onRequest, onError, ...options })
  gateways.push(gateway)
  return gateway.url()
}

const SAMPLE = [1, 2, 3, 4, 5, 6.25]
const asking = (data: unknown = SAMPLE, more: object = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ inputs: [{ name: 'input', shape: [1, 2, 3], datatype: 'FP32', data }], ...more })
})
const infer = (url: string): string => `${url}/v2/models/digits/infer`

describe('a gateway', () => {
  it('says what there is, and answers with the request’s id', async () => {
    const url = await start()
    expect(await (await fetch(`${url}/v2/models`)).json()).toEqual({
      models: [{ name: 'digits', versions: ['1'], owner: 'company', batch: 4 }]
    })
    expect(await (await fetch(`${url}/v2/models/digits`)).json()).toMatchObject({
      platform: 'slytherin_ckks',
      inputs: [{ name: 'input', shape: [-1, 2, 3] }],
      outputs: [
        { name: 'logits', shape: [-1, 2] },
        { name: 'values', shape: [-1, 2] },
        { name: 'prediction', datatype: 'BYTES' },
        { name: 'near_tie', datatype: 'BOOL' }
      ]
    })
    const response = await fetch(infer(url), {
      ...asking(SAMPLE, { id: 'q-7' }),
      headers: { 'content-type': 'application/json', 'x-request-id': 'r-9' }
    })
    expect(response.headers.get('x-request-id')).toBe('r-9')
    expect(response.headers.get('server-timing')).toMatch(/^waiting;dur=[\d.]+, query;dur=[\d.]+$/)
    expect(await response.json()).toEqual({
      model_name: 'digits',
      model_version: '1',
      id: 'q-7',
      outputs: [
        { name: 'logits', datatype: 'FP64', shape: [1, 2], data: answerTo(SAMPLE).logits },
        { name: 'values', datatype: 'FP64', shape: [1, 2], data: answerTo(SAMPLE).values },
        { name: 'prediction', datatype: 'BYTES', shape: [1], data: ['cat'] },
        { name: 'near_tie', datatype: 'BOOL', shape: [1], data: [false] }
      ]
    })
    expect((await fetch(`${url}/v2/models/digits/versions/1/ready`)).status).toBe(200)
    const paths = Object.keys(((await (await fetch(`${url}/openapi.json`)).json()) as { paths: object }).paths)
    expect(paths).toContain('/v2/models/{name}/versions/{version}/infer')
    expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200)
  })

  it('knows inputs and outputs of a model by their names', async () => {
    const named: ServedModel = {
      ...MODEL,
      shape: [5],
      inputs: [
        { name: 'image', shape: [2, 2] },
        { name: 'table', shape: [1] }
      ],
      task: 'regression',
      labels: [],
      outputs: [
        { name: 'kind', values: 2, task: 'classification', labels: ['cat', 'dog'] },
        { name: 'age', values: 1, task: 'regression' }
      ]
    }
    backend.catalogued = { party: 'clinic', missing: [], models: [named] }
    backend.parts = ([first = 0]) => [
      { name: 'kind', values: [0.75, 0.25], prediction: 'cat' },
      { name: 'age', values: [first], prediction: first }
    ]
    const url = await start()
    expect(await (await fetch(`${url}/v2/models/digits`)).json()).toMatchObject({
      inputs: [
        { name: 'image', shape: [-1, 2, 2] },
        { name: 'table', shape: [-1, 1] }
      ]
    })
    const table = { name: 'table', shape: [2, 1], datatype: 'FP32', data: [9, 8] }
    const image = { name: 'image', shape: [2, 2, 2], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6, 7, 8] }
    const ask = async (inputs: readonly object[]): Promise<Response> => await fetch(infer(url), asking(undefined, { inputs }))
    const wanted = { outputs: [{ name: 'kind.values' }, { name: 'kind.prediction' }, { name: 'age.prediction' }] }
    const response = await fetch(infer(url), asking(undefined, { inputs: [table, image], ...wanted }))
    expect(await response.json()).toMatchObject({
      outputs: [
        { name: 'kind.values', datatype: 'FP64', shape: [2, 2], data: [0.75, 0.25, 0.75, 0.25] },
        { name: 'kind.prediction', datatype: 'BYTES', shape: [2], data: ['cat', 'cat'] },
        { name: 'age.prediction', datatype: 'FP64', shape: [2, 1], data: [1, 5] }
      ]
    })
    expect([...backend.asked[0]!.values]).toEqual([1, 2, 3, 4, 9, 5, 6, 7, 8, 8])
    for (const [inputs, said] of [
      [[image], /the inputs "image", "table"/],
      [[image, image], /the inputs/],
      [[image, { ...table, shape: [1, 1], data: [9] }], /2 rows of every input/],
      [[image, { ...table, data: [9, 80] }], /row 1, position 0 of "table"/]
    ] as const) {
      const refused = await ask(inputs)
      expect(refused.status).toBe(400)
      expect(((await refused.json()) as { detail: string }).detail).toMatch(said)
    }
  })

  it('lets requests that come together share a query', async () => {
    const url = await start({ batchDelay: 200 })
    const all = await Promise.all(
      [1, 2, 3, 4].map(
        async k => (await (await fetch(infer(url), asking(SAMPLE.map(value => value / k)))).json()) as { outputs: { data: number[] }[] }
      )
    )
    expect(backend.asked.map(({ rows }) => rows)).toEqual([4])
    all.forEach(({ outputs }, k) => {
      expect(outputs[0]!.data[1]).toBe(1 / (k + 1))
    })
  })

  it.each<[number, string, RequestInit, string]>([
    [400, 'a wrong shape', asking([1], {}), 'expected 6 values for shape [1, 2, 3], got 1'],
    [400, 'a value that the model does not read', asking([1, 2, 3, 4, 5, 11]), 'values within ±10'],
    [400, 'no JSON', { ...asking(), body: '{"secret' }, 'expected JSON'],
    [
      400,
      'an output that there is not',
      asking(SAMPLE, { outputs: [{ name: 'odds' }] }),
      'expected some of logits, values, prediction, near_tie'
    ],
    [413, 'too large a body', asking('x'.repeat(2 ** 16)), 'larger than'],
    [415, 'another kind of body', { ...asking(), headers: { 'content-type': 'text/plain' } }, 'application/json']
  ])('answers %i to %s', async (status, _what, request, detail) => {
    const url = await start({ bodyLimit: 2 ** 14 })
    const response = await fetch(infer(url), request)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    const problem = (await response.json()) as { status: number; detail: string; error: string }
    expect(problem).toMatchObject({ status, detail: expect.stringContaining(detail) })
    expect(problem.error).toBe(problem.detail)
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(backend.asked).toEqual([])
  })

  it('asks under the next grant when one is spent, and says so when all are', async () => {
    const grants = [...MODEL.grants, { grant: OTHER_GRANT, expires: Date.UTC(2029, 0, 1), queries: 7 }]
    backend.catalogued = { ...backend.catalogued, models: [{ ...MODEL, grants }] }
    const spent = new Set([GRANT])
    backend.before = async ({ grant }) => {
      if (spent.has(grant)) throw new BackendError('quota-spent', 'spent')
    }
    const url = await start()
    expect((await fetch(infer(url), asking())).status).toBe(200)
    expect(backend.asked.map(({ grant }) => grant)).toEqual([GRANT, OTHER_GRANT])
    spent.add(OTHER_GRANT)
    const response = await fetch(infer(url), asking())
    expect(response.status).toBe(429)
    expect(await response.json()).toMatchObject({ grants: [{ queries: 5, expires: '2030-01-01T00:00:00.000Z' }, { queries: 7 }] })
  })

  it.each([
    [403, 'grant-refused'],
    [502, 'refused'],
    [503, 'queue-full'],
    [503, 'evaluator-absent'],
    [504, 'no-answer']
  ] as const)('answers %i where the party says %s', async (status, code) => {
    backend.before = async () => {
      throw new BackendError(code, 'in its own words')
    }
    const response = await fetch(infer(await start()), asking())
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ detail: 'in its own words' })
    expect(response.headers.has('retry-after')).toBe(status === 503)
  })

  it('says what is missing', async () => {
    backend.catalogued = { ...backend.catalogued, missing: ['the evaluator carol is not connected'] }
    const url = await start()
    const response = await fetch(infer(url), asking())
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ missing: ['the evaluator carol is not connected'] })
    expect((await fetch(`${url}/v2/health/ready`)).status).toBe(503)
    expect((await fetch(`${url}/v2/models/digits/ready`)).status).toBe(503)
    expect((await fetch(`${url}/v2/health/live`)).status).toBe(200)
    expect((await fetch(`${url}/v2/models/cats`)).status).toBe(404)
  })

  it('gives up in time, and ends the query of a client that leaves', async () => {
    const ended = Promise.withResolvers<void>()
    backend.before = async (_asked, signal) => {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      ended.resolve()
    }
    expect((await fetch(infer(await start({ timeout: 50 })), asking())).status).toBe(504)
    await ended.promise
    const url = await start()
    const leaving = new AbortController()
    const left = Promise.withResolvers<void>()
    backend.before = async (_asked, signal) => {
      leaving.abort()
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      left.resolve()
    }
    await expect(fetch(infer(url), { ...asking(), signal: leaving.signal })).rejects.toThrow()
    await left.promise
  })

  it('lets nothing of a request, an answer or a token into its log, where it breaks neither', async () => {
    const token = await tokens.create({ name: 'dashboard', grant: null, expires: null })
    const url = await start()
    const authorized = (request: RequestInit): RequestInit => ({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${token}` }
    })
    await fetch(infer(url), authorized(asking(SAMPLE, { id: 'patient-17' })))
    await fetch(`${url}/v2/models/patient-17?name=patient-17`, authorized({}))
    await fetch(infer(url), authorized({ ...asking(), body: 'patient-17' }))
    backend.before = async () => {
      throw new Error('patient-17 6.25')
    }
    const response = await fetch(infer(url), authorized(asking()))
    expect(response.status).toBe(500)
    const text = JSON.stringify(logged)
    expect(logged).toHaveLength(5)
    expect(text).toContain('dashboard')
    for (const secret of ['patient-17', '6.25', token, 'cat']) expect(text).not.toContain(secret)
    expect(await response.text()).not.toContain('patient')
  })
})

describe('who is let in', () => {
  it('is whoever has a token, for the models of its grant, until it is revoked', async () => {
    const mine = await tokens.create({ name: 'mine', grant: GRANT, expires: null })
    const other = await tokens.create({ name: 'other', grant: OTHER_GRANT, expires: null })
    const over = await tokens.create({ name: 'over', grant: null, expires: Date.now() - 1 })
    const url = await start()
    const status = async (token?: string, path = '/v2/models/digits'): Promise<number> => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await fetch(`${url}${path}`, { headers })).status
    }
    expect(await Promise.all([mine, other, over, `${mine}x`, undefined].map(async token => await status(token)))).toEqual([
      200, 403, 401, 401, 401
    ])
    expect(await status(undefined, '/v2/health/live')).toBe(200)
    expect(await status(undefined, '/v2/nothing')).toBe(401)
    const text = await readFile(tokens.path, 'utf8')
    expect(text).not.toContain(mine)
    expect((await stat(tokens.path)).mode & 0o777).toBe(0o600)
    await new TokenFile(tokens.path).revoke('mine')
    await expect.poll(async () => await status(mine), { timeout: 10_000 }).toBe(401)
    await expect(tokens.create({ name: 'other', grant: null, expires: null })).rejects.toThrow('there is a token "other"')
  })

  it('is no page of another site where there are no tokens', async () => {
    const url = await start()
    const status = async (headers: Record<string, string>): Promise<number> => (await fetch(`${url}/v2/models`, { headers })).status
    expect(await status({})).toBe(200)
    expect(await status({ origin: 'https://elsewhere.example' })).toBe(403)
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    // From then on a token is asked for.
    await tokens.create({ name: 'first', grant: null, expires: null })
    expect(await status({})).toBe(401)
  })

  it('is nobody where it would be everybody', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow('lets in everybody')
    await expect(start({ behindProxy: true })).rejects.toThrow('lets in everybody')
    await tokens.create({ name: 'first', grant: null, expires: null })
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow('in the clear')
    const base = { host: '10.0.0.1', hasTokens: false, tls: true, clientCertificates: true, behindProxy: false }
    expect(() => checkBinding(base)).not.toThrow()
    expect(() => checkBinding({ ...base, clientCertificates: false })).toThrow('lets in everybody')
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
      expect(() => checkBinding({ ...base, host, clientCertificates: false, tls: false })).not.toThrow()
    for (const host of ['127.0.0.1.example', '::', '::ffff:10.0.0.1', 'example.org'])
      expect(() => checkBinding({ ...base, host, clientCertificates: false })).toThrow()
  })
})
