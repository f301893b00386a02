/** Asks the party again and again how it is: quickly while something is under way, seldom otherwise, and not at all while nobody looks. */
import type { DashboardStatus } from '../status.js'
import { type View, viewOf } from '../view/view.js'

/** Milliseconds. */
const QUICK = 500
const SLOW = 2000
const PATIENCE = 10_000

export interface Told {
  readonly view?: View
  /** Why there is no news. */
  readonly failure?: string
}

/** @param tell given what there is, whenever there is news @returns the way to end it */
export function poll(tell: (told: Told) => void): () => void {
  let over = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking = false

  const ask = async (): Promise<void> => {
    if (asking) return
    asking = true
    let pause = SLOW
    try {
      const view = await askOnce()
      if (view.busy) pause = QUICK
      if (!over) tell({ view })
    } catch (error) {
      if (!over) tell({ failure: error instanceof Error ? error.message : String(error) })
    }
    asking = false
    if (!over && !document.hidden) timer = setTimeout(() => void ask(), pause)
  }
  const seen = (): void => {
    clearTimeout(timer)
    if (!document.hidden) void ask()
  }
  document.addEventListener('visibilitychange', seen)
  void ask()
  return () => {
    over = true
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', seen)
  }
}

async function askOnce(): Promise<View> {
  const answer = await fetch('status.json', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) }).catch(() => {
    throw new Error('the party does not answer')
  })
  if (!answer.ok) throw new Error(`the party answers with status ${answer.status}`)
  return viewOf((await answer.json()) as DashboardStatus)
}
