/// <reference path="../src/worker/comlink-node.d.ts" />
/** Commands about queries where a querier was killed at the worst instant: its answer kept, and the evaluator not told. */
import { MemoryRecordStore } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import type { ServiceContext } from '../src/service/context.js'
import { ErrorLog } from '../src/service/error-log.js'
import { queryCommands } from '../src/service/query-commands.js'

const QUERY = 'ab'.repeat(16)
const ANSWER = { task: 'classification', predictions: [1], logits: [[0, 1]], nearTies: [] }

/** A querier that has an answer and still has its query open. @param told what telling the evaluator comes to */
async function querier(told: () => Promise<void>) {
  const records = new MemoryRecordStore()
  await records.put('answered', QUERY, { model: 'm', samples: 1, expires: Date.now() + 60_000 })
  const open = new Set([QUERY])
  const client = {
    pending: async () => [...open].map(query => ({ query, release: 'r', samples: 1, expires: Date.now() + 60_000 })),
    acknowledge: async (query: string) => {
      await told()
      open.delete(query)
    }
  }
  const cryptography = { getSecret: async () => new TextEncoder().encode(JSON.stringify(ANSWER)) }
  const node = { client, all: async () => [], named: async () => [] }
  const errors = new ErrorLog()
  const party = {
    self: 'querier',
    configuration: { name: 'querier' },
    database: { records },
    errors,
    names: { of: () => undefined, report: (error: Error) => ({ name: error.name, message: error.message }) },
    core: { get: async () => ({ node, cryptography }) }
  } as unknown as ServiceContext
  return { commands: queryCommands(party), open, errors }
}

const context = { signal: new AbortController().signal, progress: () => undefined }

test('an answer that is kept is fetched once more, and the evaluator told', async () => {
  const { commands, open } = await querier(async () => undefined)
  expect(await commands['query.status']({}, context)).toHaveLength(1)
  expect(await commands['query.fetch']({ query: QUERY.slice(0, 8) }, context)).toMatchObject({ query: QUERY, answer: ANSWER })
  expect([...open]).toEqual([])
})

test('and where the evaluator is not there, it is shown all the same', async () => {
  const { commands, open, errors } = await querier(async () => {
    throw new Error('nobody there')
  })
  expect(await commands['query.fetch']({ query: QUERY }, context)).toMatchObject({ state: 'answered', answer: ANSWER })
  expect([...open]).toEqual([QUERY])
  expect(errors.list()).toMatchObject([{ message: 'nobody there' }])
})
