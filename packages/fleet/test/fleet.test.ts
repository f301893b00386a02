/** Coordinator and workers over a queue in memory, with evaluations that take as long as a test wants: whatever happens to a worker, results are right. */
import { FleetContents, MemoryPost, MemoryStore, PartFailedError, WorkerRefusedError } from '@slytherin/fleet'
import { expect, test, vi } from 'vitest'
import { ask, fleetInMemory, hooks, jobOf, never, resultOf, TIMING } from './support/fleet-in-memory.js'

const memory = fleetInMemory()
const { coordinator, worker } = memory

test('parts are shared among the workers that are there, and come to what they come to', async () => {
  const fleet = await coordinator()
  const workers = [await worker(), await worker()]
  await vi.waitFor(() => expect(fleet.slots).toBe(2))
  const queries = Array.from({ length: 20 }, (_, k) => `q${k}`)
  const results = await Promise.all(queries.map(async query => await ask(fleet, query)))
  expect(results).toEqual(queries.map(query => resultOf(jobOf(query))))
  for (const { jobs } of workers) expect(jobs.length).toBeGreaterThan(4)
  expect(fleet.status().workers.reduce((sum, { done }) => sum + done, 0)).toBe(20)
})

test('without a worker the reason is told, and what this process may do goes on', async () => {
  const told: string[] = []
  const fleet = await coordinator()
  const asked = ask(fleet, 'q', { onWaiting: reason => told.push(reason) })
  await vi.waitFor(() => expect(told).toContain('waiting for a worker of the fleet: none is there'))
  await worker()
  expect(await asked).toEqual(resultOf(jobOf('q')))

  const local = vi.fn(async () => resultOf(jobOf('r')))
  const other = await coordinator({ mailbox: new MemoryPost().mailbox(), here: true })
  expect(await ask(other, 'r', { local })).toEqual(resultOf(jobOf('r')))
  expect(local).toHaveBeenCalledOnce()
})

test('a queue that is gone is named; what was asked meanwhile is done when it is back', async () => {
  const fleet = await coordinator()
  await worker()
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  await ask(fleet, 'before')
  memory.post.up = false
  const told: string[] = []
  const asked = ask(fleet, 'meanwhile', { onWaiting: reason => told.push(reason) })
  await vi.waitFor(() => expect(told.at(-1)).toBe('waiting for the queue of the fleet: the queue in memory cannot be reached'))
  expect(memory.events).toContainEqual({ event: 'connection', name: 'the queue in memory', connected: false })
  memory.post.up = true
  expect(await asked).toEqual(resultOf(jobOf('meanwhile')))
})

test('a worker that dies has its part done by another', async () => {
  const fleet = await coordinator()
  const dying = await worker(never)
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const asked = ask(fleet, 'q')
  await vi.waitFor(() => expect(dying.jobs).toHaveLength(1))
  // As if killed: it takes no leave.
  memory.post.read(`worker-${dying.worker.id}`, async () => undefined)
  vi.spyOn(memory.post, 'send').mockImplementation(function (this: MemoryPost, box: string, message: unknown) {
    if ((message as { worker?: string }).worker !== dying.worker.id) MemoryPost.prototype.send.call(this, box, message)
  })
  const other = await worker()
  vi.restoreAllMocks()
  await dying.worker.stop().catch(() => undefined)
  expect(await asked).toEqual(resultOf(jobOf('q')))
  expect(other.jobs).toHaveLength(1)
})

test('the part of a worker whose box nobody reads any more is done by another before its silence is noticed', async () => {
  const fleet = await coordinator({ timing: { ...TIMING, silence: 600_000, patience: 600_000 } })
  const mailbox = memory.post.mailbox()
  const dying = await worker(never, { mailbox })
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const asked = ask(fleet, 'q')
  await vi.waitFor(() => expect(dying.jobs).toHaveLength(1))
  await mailbox.close()
  await worker()
  expect(await asked).toEqual(resultOf(jobOf('q')))
  const reason = 'its worker is lost'
  expect(memory.events).toContainEqual(
    expect.objectContaining({ event: 'again', worker: dying.worker.id, reason, seconds: expect.any(Number) })
  )
})

test('a worker may be silent for as long as its part takes: it hears and says nothing while it computes', async () => {
  const fleet = await coordinator({ timing: { ...TIMING, hedge: 100, patience: 60_000, silence: 100 } })
  const mailbox = memory.post.mailbox()
  const gate = Promise.withResolvers<void>()
  const planned = 0.2
  const busy = await worker(
    async job => {
      await gate.promise
      return resultOf(job)
    },
    { mailbox }
  )
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const job = { ...jobOf('q'), expected: { seconds: planned, bytes: 1e9 } }
  const asked = fleet.run({ most: 1, divide: () => [job] }, { name: 'q', seconds: 1 }, hooks(job))
  await vi.waitFor(() => expect(busy.jobs).toHaveLength(1))
  const quiet = vi.spyOn(mailbox, 'send').mockImplementation(async () => undefined)
  await new Promise(resolve => setTimeout(resolve, 400))
  expect(fleet.slots).toBe(1)
  quiet.mockRestore()
  gate.resolve()
  expect(await asked).toEqual([resultOf(job)])
  vi.spyOn(mailbox, 'send').mockImplementation(async () => undefined)
  await vi.waitFor(() => expect(fleet.status().workers).toEqual([]))
  expect(memory.events.filter(({ event }) => event === 'again')).toEqual([])
})

test('a worker that is stopped while the queue goes away ends all the same', async () => {
  const mailbox = memory.post.mailbox()
  const started = await worker(never, { mailbox })
  vi.spyOn(mailbox, 'send').mockImplementation(async () => await new Promise(() => undefined))
  await started.worker.stop()
  await started.worker.run()
})

test('a worker that leaves, one that hangs and one that fails cost time only', async () => {
  const fleet = await coordinator()
  const leaving = await worker(never)
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const first = ask(fleet, 'leaves')
  await vi.waitFor(() => expect(leaving.jobs).toHaveLength(1))
  await leaving.worker.stop()
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const hanging = await worker(never)
  await vi.waitFor(() => expect(hanging.jobs).toHaveLength(1))
  const failing = await worker(async () => {
    throw new RangeError('no room')
  })
  await vi.waitFor(() => expect(failing.jobs).not.toEqual([]), { timeout: 3000 })
  await worker()
  expect(await first).toEqual(resultOf(jobOf('leaves')))
  expect(memory.events).toContainEqual(
    expect.objectContaining({ event: 'again', worker: hanging.worker.id, reason: 'it takes far longer than expected' })
  )
  expect(memory.events).toContainEqual(
    expect.objectContaining({ event: 'again', worker: failing.worker.id, reason: 'RangeError: no room' })
  )
})

test('a part that takes longer than others did is done by a second worker beside the first; whoever is first has done it', async () => {
  const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000, silence: 60_000, hedge: 100 } })
  const slow = await worker(never)
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const asked = ask(fleet, 'q')
  await vi.waitFor(() => expect(slow.jobs).toHaveLength(1))
  const quick = await worker()
  expect(await asked).toEqual(resultOf(jobOf('q')))
  expect(quick.jobs).toHaveLength(1)
  expect(memory.events).toContainEqual(
    expect.objectContaining({ event: 'again', worker: slow.worker.id, reason: 'it takes longer than others do' })
  )
})

test('what fails everywhere fails the query, with who says so', async () => {
  const fleet = await coordinator()
  await worker(async () => {
    throw new RangeError('no room')
  })
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  await expect(ask(fleet, 'q')).rejects.toThrow(PartFailedError)
  await expect(ask(fleet, 'q')).rejects.toThrow(/no room/)
})

test('a worker that comes to wrong results is found by a second one and refused; the right result counts', async () => {
  const fleet = await coordinator({ check: 1, here: false })
  const liar = await worker(async job => resultOf(job, 'wrong'))
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  await worker()
  await vi.waitFor(() => expect(fleet.slots).toBe(2))
  expect(await ask(fleet, 'q')).toEqual(resultOf(jobOf('q')))
  await expect(liar.worker.run()).rejects.toThrow(WorkerRefusedError)
  expect(fleet.slots).toBe(1)
  expect(memory.events).toContainEqual(expect.objectContaining({ event: 'refused', worker: liar.worker.id }))
  // Nobody is left for a second opinion.
  expect(await ask(fleet, 'r')).toEqual(resultOf(jobOf('r')))
})

test('a second opinion that nobody can give any more is not waited for', async () => {
  const fleet = await coordinator({ check: 1 })
  await worker()
  const leaving = await worker(never)
  await vi.waitFor(() => expect(fleet.slots).toBe(2))
  // One is at the first part, and the other parts wait for it to be free.
  const asked = ['q', 'r', 's'].map(async query => await ask(fleet, query))
  await vi.waitFor(() => expect(leaving.jobs).toHaveLength(1))
  await vi.waitFor(() => expect(fleet.status().waiting).toBe(2))
  await leaving.worker.stop()
  expect(await Promise.all(asked)).toEqual(['q', 'r', 's'].map(query => resultOf(jobOf(query))))
})

test.each([
  ['another release', { software: '2' }, 'software'],
  ['another known answer', { answer: 'f'.repeat(64) }, 'known answer']
])('a worker of %s is refused, and told why', async (_what, init, field) => {
  const fleet = await coordinator()
  const { worker: refused, jobs } = await worker(undefined, init)
  const error = await refused.run().catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(WorkerRefusedError)
  expect(error).toMatchObject({ field, message: expect.stringContaining('Install') })
  expect(fleet.status().workers).toEqual([])
  expect(jobs).toEqual([])
})

test('a small query waits for the part that is under way, not for those that wait', async () => {
  const fleet = await coordinator()
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  await worker(async job => {
    order.push(job.query)
    if (order.length === 1) await gate.promise
    return resultOf(job)
  })
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const large = [1, 2, 3].map(async () => await ask(fleet, 'large', {}, 1000))
  await vi.waitFor(() => expect(order).toHaveLength(1))
  const small = ask(fleet, 'small', {}, 0.1)
  gate.resolve()
  await Promise.all([...large, small])
  expect(order).toEqual(['large', 'small', 'large', 'large'])
})

test('a query that is aborted takes its parts with it', async () => {
  const fleet = await coordinator()
  const abort = new AbortController()
  const asked = ask(fleet, 'q', { signal: abort.signal })
  abort.abort(new Error('cancelled'))
  await expect(asked).rejects.toThrow('cancelled')
  expect(fleet.status().waiting).toBe(0)
})

test('a part that was lost with the queue is given again to a worker that knows nothing of it', async () => {
  const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000 } })
  const { worker: there, jobs } = await worker()
  await vi.waitFor(() => expect(fleet.slots).toBe(1))
  const send = vi.spyOn(memory.post, 'send').mockImplementationOnce(() => undefined)
  const asked = ask(fleet, 'q')
  await vi.waitFor(() => expect(send).toHaveBeenCalled())
  expect(await asked).toEqual(resultOf(jobOf('q')))
  expect(jobs).toHaveLength(1)
  expect(memory.events).toContainEqual(
    expect.objectContaining({ event: 'again', worker: there.id, reason: 'its worker does not know of it' })
  )
})

test('work that stays in this process has its turn, one after the other', async () => {
  const fleet = await coordinator()
  let running = 0
  const { signal } = new AbortController()
  const work = async (): Promise<number> => {
    expect(++running).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 5))
    return running--
  }
  expect(await Promise.all([1, 2, 3].map(async () => await fleet.alone(work, signal)))).toEqual([1, 1, 1])
  await expect(
    fleet.alone(async () => {
      throw new RangeError('its own')
    }, signal)
  ).rejects.toThrow(RangeError)
})

test('what queries of an earlier life left in the store is cleared', async () => {
  const backend = new MemoryStore()
  const contents = new FleetContents({ backend, memoryBytes: 0 })
  await contents.put('query-old', new Uint8Array(3))
  await contents.put('release-a', new Uint8Array(3))
  await coordinator({ contents })
  expect(await backend.spaces()).toEqual(['release-a'])
})
