/** What a coordinator is given, and what it tells. */
import type { WorkerRefusedError } from '../errors.js'
import type { Mailbox } from '../mailbox/mailbox.js'
import type { Hello } from '../messages.js'
import type { FleetContents } from '../store/contents.js'

/** Queue, store and manners of a coordinator. */
export interface FleetOptions {
  /** The queue to the workers. */
  readonly mailbox: Mailbox
  /** The store that all machines share. */
  readonly contents: FleetContents
  /** Release of slytherin. */
  readonly software: string
  /** What this machine makes of the known evaluation: SHA-256, hexadecimal. */
  readonly answer: string
  /** Whether this process does parts, too. */
  readonly here: boolean
  /** Share of parts that a second one does again, from 0 to 1: results that differ are found then. */
  readonly check: number
  /** Whether models that are clear at the evaluator may be in the store, where workers see them; not when not given. */
  readonly clearModels?: boolean
  /** Longest that a part should take, seconds, where blocks can be divided: what a small query waits for at most. */
  readonly partSeconds: number
  /** For tests: other times than usual. */
  readonly timing?: Partial<FleetTiming>
  /** Told as things happen; must not throw. */
  onEvent?(event: FleetEvent): void
  /** From 0 to 1; Math.random when not given. */
  readonly random?: () => number
}

/** Milliseconds. */
export interface FleetTiming {
  /** Silence after which a worker counts as lost. */
  readonly silence: number
  /** How long nobody may read a worker's box before it counts as lost: what a connection takes to be made again. */
  readonly absence: number
  /** What a part may take at least, before another worker is given it too. */
  readonly patience: number
  /** What a part may take beyond three times as long as others have taken of late, before a second place does it beside the first. */
  readonly hedge: number
  /** How long a stretch that is about to come has others leave it a place: about what key holders take to answer. */
  readonly expected: number
  /** Pause before a part that has failed is tried again. */
  readonly retry: number
  /** How often all of this is looked at. */
  readonly tick: number
  /** How long what is left of a query stays in the store: what a worker that had been given up has put there since. */
  readonly querySpaces: number
  /** How long keys and models stay in the store that no evaluation has needed; they are put there again when one does. */
  readonly otherSpaces: number
  /** How often the store is searched for them. */
  readonly sweep: number
}

/** What a coordinator tells, discriminated by `event`; `again`: a part is given to somebody else, so many seconds after this worker was given it. */
export type FleetEvent =
  | { readonly event: 'worker'; readonly worker: string; readonly host: string; readonly state: 'joined' | 'left' | 'lost' }
  | { readonly event: 'refused'; readonly worker: string; readonly host: string; readonly error: WorkerRefusedError }
  | { readonly event: 'connection'; readonly name: string; readonly connected: boolean }
  | { readonly event: 'again'; readonly part: string; readonly worker: string; readonly reason: string; readonly seconds: number }
  | { readonly event: 'fault'; readonly error: Error }

/** A fleet as an operator sees it. */
export interface FleetStatus {
  /** Whose service it is, and where. */
  readonly queue: string
  /** Whether it can be reached. */
  readonly connected: boolean
  /** Those that are admitted, and how many parts each has done. */
  readonly workers: readonly (Pick<Hello, 'worker' | 'host' | 'variant' | 'threads' | 'busy'> & { readonly done: number })[]
  /** Parts that wait for a place. */
  readonly waiting: number
}

/** What holds where nothing else is given. */
export const TIMING: FleetTiming = {
  silence: 6_000,
  absence: 500,
  patience: 60_000,
  hedge: 1_000,
  expected: 2_000,
  retry: 1_000,
  tick: 300,
  querySpaces: 600_000,
  otherSpaces: 86_400_000,
  sweep: 120_000
}
