/**
 * What happens to queries at a party, as it happens: for logs, figures and records of whoever runs it. Identifiers, names of peers, counts and seconds; nothing of a
 * request's data.
 */
import type { StepReport } from '../../terms/plan.js'
import type { QueryState } from './calls.js'

/** Where the time of a query goes at an evaluator: in the queue, waiting for key holders, for witnesses, holders' shares, and all of its evaluation, these included. */
export type QueryPhase = 'queue' | 'absence' | 'witnesses' | 'refresh' | 'switch' | 'evaluation'

/** One event, discriminated by `event`. Times in seconds. */
export type ServiceEvent =
  | {
      /** At the evaluator: it is in another state than before. */
      readonly event: 'query'
      readonly query: string
      readonly state: QueryState
      readonly epoch: string
      readonly release: string
      readonly sender: string
      readonly querier: string
      readonly samples: number
      /** What kind of failure it was; empty otherwise. */
      readonly code: string
    }
  | {
      /** At the evaluator. */
      readonly event: 'phase'
      readonly query: string
      readonly phase: QueryPhase
      readonly seconds: number
    }
  | {
      /** At the evaluator: how far the evaluation is, a few times a second, or what is waited for. */
      readonly event: 'progress'
      readonly query: string
      /** Work items that are finished, and in all; both 0 where nothing is counted. */
      readonly done: number
      readonly total: number
      /** What is being done, in plain words. */
      readonly step: string
    }
  | {
      /** At the evaluator: a step of the plan has been done in a pass. What is tracked follows from the plan and from bounds, not from anybody's data. */
      readonly event: 'step'
      readonly query: string
      /** Index into the plan's steps. */
      readonly step: number
      readonly kind: StepReport['kind']
      readonly layer: string
      /** Of the batch blocks that are evaluated together, from 0. */
      readonly pass: number
      readonly seconds: number
      /** Level of the results, and log2 of the tracked error in their messages. */
      readonly level: number
      readonly deviation: number
    }
  | {
      /** At the evaluator: it failed in what may pass, and is tried again. */
      readonly event: 'retry'
      readonly query: string
      readonly code: string
    }
  | {
      /** At a key holder: it was told of a query, has checked it and will help with it. */
      readonly event: 'admitted'
      readonly query: string
      readonly epoch: string
      readonly release: string
      readonly grant: string
      readonly sender: string
      readonly querier: string
      readonly samples: number
    }
  | {
      /** At a key holder: its shares are on their way. One that is asked for again is the same again. */
      readonly event: 'shares'
      readonly query: string
      readonly protocol: 'refresh' | 'switch'
      readonly epoch: string
      readonly grant: string
      readonly querier: string
      /** Step of the plan and number of the attempt. */
      readonly step: string
      readonly attempt: number
      readonly ciphertexts: number
      readonly seconds: number
    }
  | {
      /** At a witness: it has come to what holders are asked, and has signed it. */
      readonly event: 'endorsed'
      readonly query: string
      readonly protocol: 'refresh' | 'switch'
      readonly epoch: string
      readonly release: string
      readonly step: string
      readonly attempt: number
    }
  | {
      /** At a witness: it does not follow the query, for a reason of the evaluator's, its sender's or the owner's. */
      readonly event: 'not-endorsed'
      readonly query: string
      readonly evaluator: string
      readonly code: string
      /** Whose fault it is, where that is known. */
      readonly culprit: string
    }
  | {
      /** At whoever asks: it was sent, signed; it was answered; it was given up. */
      readonly event: 'sent' | 'answered' | 'given-up'
      readonly query: string
      readonly epoch: string
      readonly release: string
      readonly samples: number
    }

/** Told of events as they happen; must not throw. */
export type ServiceListener = (event: ServiceEvent) => void
