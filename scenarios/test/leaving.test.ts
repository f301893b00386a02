/** What a measurement rests on may go, and it may be stopped: nobody waits for what is under way then. */
import { expect, test } from 'vitest'
import { unlessStopped } from '../src/fleet/leaving.js'

const forever = (): Promise<never> => new Promise(() => undefined)

test('a task that is done comes to what it came to', async () => {
  expect(await unlessStopped(Promise.resolve(7), new AbortController().signal, forever())).toBe(7)
})

test('nobody waits for a task when it is stopped, whether before or meanwhile', async () => {
  const controller = new AbortController()
  const waiting = unlessStopped(forever(), controller.signal)
  controller.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  await expect(unlessStopped(forever(), controller.signal)).rejects.toThrow('stopped')
})

test('nobody waits for a task whose queue is gone', async () => {
  await expect(unlessStopped(forever(), new AbortController().signal, Promise.reject(new Error('gone')))).rejects.toThrow('gone')
})
