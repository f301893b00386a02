/**
 * Several requests to a key holder in one message. A call stays what it is: its holder takes each of them the way that a call of its own takes (responder.ts), with
 * its checks, signatures, endorsements and entries in books and ledger, and answers or refuses each by itself. The message around them is signed by nobody and says
 * nothing: it saves round trips.
 */
import * as z from 'zod'
import { encodeFailure } from '../../wire/failure.js'
import { defineCall } from '../calls/call.js'
import type { Responder } from '../calls/responder.js'
import { REFRESH, REQUEST_BYTES, SWITCH } from './calls.js'

/** Most calls of one message. */
export const JOINT_CALLS = 64
/** Components of one message, bytes: what a holder computes within a second or two, so that nobody waits long for others' answers. */
export const JOINT_BYTES = 16 << 20
/** With what is around the components: heads, endorsements. */
const MESSAGE_BYTES = 2 * JOINT_BYTES

/** Kinds that may travel together. */
const KINDS: ReadonlySet<string> = new Set([REFRESH.kind, SWITCH.kind])

/** To a key holder: refreshes and switches. Blobs: each call as it would travel alone; back come each reply, or the failure in its place. */
export const TOGETHER = defineCall({
  kind: 'query/together',
  request: z.strictObject({}),
  reply: z.strictObject({
    /** Which were answered, in order; the others have failed. */
    answered: z.array(z.boolean()).min(1).max(JOINT_CALLS)
  }),
  requestBlobs: { count: JOINT_CALLS, bytes: MESSAGE_BYTES, total: MESSAGE_BYTES },
  replyBlobs: { count: JOINT_CALLS, bytes: REQUEST_BYTES, total: REQUEST_BYTES }
})

/** Has the calls of a message answered beside each other, as calls that came alone. */
export function answerTogether(responder: Responder): void {
  responder.on(
    TOGETHER,
    () => undefined,
    async ({ blobs }, { peer, signal }) => {
      const answers = await Promise.all(
        blobs.map(async bytes => {
          try {
            return { answered: true, blob: await responder.receive(peer, bytes, signal, KINDS) }
          } catch (error) {
            return { answered: false, blob: encodeFailure(error) }
          }
        })
      )
      return { head: { answered: answers.map(({ answered }) => answered) }, blobs: answers.map(({ blob }) => blob) }
    }
  )
}
