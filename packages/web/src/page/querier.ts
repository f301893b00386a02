/** The worker as the page calls it: a message for every call, one for its outcome, and news in between. */
import type { Outcome, QuerierEvent, QuerierWorker, WorkerMessage, WorkerRequest } from '../querier/messages.js'

type Parameters<M extends keyof QuerierWorker> = QuerierWorker[M] extends (...parameters: infer P) => unknown ? P : never

export type CallQuerier = <M extends keyof QuerierWorker>(method: M, ...parameters: Parameters<M>) => ReturnType<QuerierWorker[M]>

export function startQuerier(onEvent: (event: QuerierEvent) => void): CallQuerier {
  const worker = new Worker('querier.js', { type: 'module', name: 'querier' })
  const waiting = new Map<number, (outcome: Outcome<unknown>) => void>()
  let next = 0
  worker.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => {
    if ('event' in data) {
      onEvent(data.event)
      return
    }
    waiting.get(data.id)?.(data.outcome)
    waiting.delete(data.id)
  })
  worker.addEventListener('error', ({ message }) => {
    const error = { name: 'WorkerError', message: message || 'the worker of this page was not loaded' }
    onEvent({ kind: 'trouble', error })
    for (const settle of waiting.values()) settle({ ok: false, error })
    waiting.clear()
  })
  const call = async (method: keyof QuerierWorker, ...parameters: unknown[]): Promise<Outcome<unknown>> =>
    await new Promise(resolve => {
      const id = next++
      waiting.set(id, resolve)
      worker.postMessage({ id, method, parameters } satisfies WorkerRequest)
    })
  return call as CallQuerier
}
