/** The Open Inference Protocol (KServe v2) over HTTP: https://github.com/kserve/open-inference-protocol */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../access/access.js'
import type { Batched } from '../batching/batcher.js'
import { metadataOf, outputNames, outputTensor, samplesOf } from '../inference/model-signature.js'
import type { FoundModel, Predictor } from '../inference/predictor.js'
import { parseInferenceRequest } from '../inference/request.js'
import { encodeInferenceResponse } from '../inference/response.js'
import { Problem } from './problem.js'
import * as schemas from './schemas.js'

export const HEADER_LENGTH = 'inference-header-content-length'

export interface RoutesOptions {
  readonly predictor: Predictor
  readonly version: string
  /** Who was let in. */
  callerOf(request: FastifyRequest): Caller
  /** Aborted when the answer is of no use any more; throws when too much waits. */
  waiting<T>(reply: FastifyReply, task: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** The gateway takes no more. */
  isStopping(): boolean
}

interface ModelParameters {
  readonly name: string
  readonly version?: string
}

const KNOWN = ['unauthenticated', 'not-granted', 'unknown-model', 'not-ready'] as const

export function addRoutes(app: FastifyInstance, options: RoutesOptions): void {
  const { predictor, version, callerOf, isStopping } = options
  const find = async (request: FastifyRequest): Promise<FoundModel & { readonly caller: Caller }> => {
    const caller = callerOf(request)
    const { name, version: wanted } = request.params as ModelParameters
    return { ...(await predictor.find(name, wanted, caller)), caller }
  }
  const documented = (summary: string, response: Record<string, unknown>): Record<string, unknown> => ({ schema: { summary, response } })

  app.get('/v2/health/live', documented('Whether the gateway runs', schemas.responses(schemas.liveness)), async () => ({ live: true }))
  app.get(
    '/v2/health/ready',
    documented('Whether the party behind it runs and reaches its evaluator', schemas.responses(schemas.readiness)),
    async (_request, reply) => {
      const ready = !isStopping() && (await isReady(predictor))
      return await reply.status(ready ? 200 : 503).send({ ready })
    }
  )
  app.get('/v2', documented('The gateway', schemas.responses(schemas.serverMetadata, 'unauthenticated')), async () => ({
    name: 'slytherin',
    version,
    extensions: ['binary_tensor_data', 'model_repository']
  }))
  app.get(
    '/v2/models',
    documented('Models that may be asked', schemas.responses(schemas.modelIndex, 'unauthenticated', 'not-ready')),
    async request => {
      const models = await predictor.models(callerOf(request))
      const names = [...new Set(models.map(({ name }) => name))]
      return {
        models: names.map(name => {
          const revisions = models.filter(model => model.name === name)
          const { owner, batch } = revisions[0]!
          return { name, versions: [...new Set(revisions.map(({ revision }) => revision))], owner, batch }
        })
      }
    }
  )
  app.post(
    '/v2/repository/index',
    documented(
      'The same as the model repository extension has it',
      schemas.responses(schemas.repositoryIndex, 'unauthenticated', 'not-ready')
    ),
    async request => {
      const models = await predictor.models(callerOf(request))
      return models.map(({ name, revision }) => ({ name, version: revision, state: 'READY', reason: '' }))
    }
  )
  for (const path of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    app.get(path, documented('Inputs and outputs of a model', schemas.responses(schemas.modelMetadata, ...KNOWN)), async request => {
      const { model, versions } = await find(request)
      return metadataOf(model, versions)
    })
    app.get(
      `${path}/ready`,
      documented('Whether the model can be asked now', schemas.responses(schemas.modelReadiness, ...KNOWN)),
      async (request, reply) => {
        const { model } = await find(request)
        const ready = !isStopping() && (await isReady(predictor))
        return await reply.status(ready ? 200 : 503).send({ name: model.name, ready })
      }
    )
    const infer = {
      summary: 'Ask a model',
      body: schemas.jsonSchema(schemas.inferenceRequest),
      response: schemas.responses(
        schemas.inferenceResponse,
        'malformed-request',
        'wrong-input',
        ...KNOWN,
        'too-large',
        'quota-spent',
        'query-failed',
        'busy',
        'no-answer'
      )
    }
    app.post(`${path}/infer`, { schema: infer }, async (request, reply) => {
      const { model, caller } = await find(request)
      const { id, inputs, outputs, binary } = parseInferenceRequest(bodyOf(request), headerOf(request))
      const wanted = outputNames(
        model,
        outputs?.map(({ name }) => name)
      )
      const { rows, values } = samplesOf(inputs, model)
      const { answers, waiting, answering } = await options.waiting(reply, async (signal): Promise<Batched> => {
        await demandReady(predictor)
        return await predictor.predict(model, caller, values, rows, signal)
      })
      const tensors = wanted.map((name, k) => ({ tensor: outputTensor(model, name, answers), binary: outputs?.[k]?.binary ?? binary }))
      const { body, headerLength } = encodeInferenceResponse({ id, model: model.name, version: model.revision }, tensors)
      reply.header('server-timing', `waiting;dur=${waiting.toFixed(1)}, query;dur=${answering.toFixed(1)}`)
      if (headerLength === undefined) return await reply.type('application/json').send(body)
      return await reply.header(HEADER_LENGTH, headerLength).type('application/octet-stream').send(body)
    })
  }
}

async function isReady(predictor: Predictor): Promise<boolean> {
  try {
    return (await predictor.catalogue.fresh()).missing.length === 0
  } catch {
    return false
  }
}

/** What is missing may have come back since it was last looked. @throws Problem */
async function demandReady(predictor: Predictor): Promise<void> {
  if ((await predictor.catalogue.get()).missing.length === 0) return
  const { missing } = await predictor.catalogue.fresh()
  if (missing.length > 0) throw new Problem('not-ready', missing.join('; '), { retryAfter: 5, members: { missing } })
}

function bodyOf({ body }: FastifyRequest): Buffer {
  if (Buffer.isBuffer(body)) return body
  throw new Problem('malformed-request', 'expected a body')
}

function headerOf({ headers }: FastifyRequest): string | undefined {
  const value = headers[HEADER_LENGTH]
  if (Array.isArray(value)) throw new Problem('malformed-request', `expected one ${HEADER_LENGTH}`)
  return value
}
