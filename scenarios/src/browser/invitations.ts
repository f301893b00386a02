/**
 * Lets one page in: whoever shows the token that this process has printed, and proves to have the key of the identity that it names. A token is good once, for one
 * identity, and for a quarter of an hour; tries are counted, so that nobody finds it by trying.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { verifySignature } from '@slytherin/node/portable'
import { invitationBytes } from '@slytherin/web'
import * as z from 'zod'

const LIFE = 15 * 60_000
const TRIES = 10

const schema = z.strictObject({
  token: z.string().max(100),
  peer: z.string().max(100),
  signature: z.string().regex(/^[0-9a-f]{128}$/)
})

export type InvitationOutcome = { readonly status: 200 } | { readonly status: 400 | 403 | 500; readonly error: string }

export interface InvitationsOptions {
  /** Takes an identity into rosters, and has the model's owner grant to it. */
  admit(peer: string): Promise<void>
  readonly now?: () => number
}

export class Invitations {
  /** 256 bits, base64url: for the address of the page, behind `#`, which browsers send to nobody. */
  readonly token = randomBytes(32).toString('base64url')
  readonly #options: InvitationsOptions
  readonly #expires: number
  #tries = 0
  /** Who was let in: it may ask again, and nobody else may. */
  #peer: string | undefined

  constructor(options: InvitationsOptions) {
    this.#options = options
    this.#expires = this.#now + LIFE
  }

  /** @param body what a page sent, unchecked @param origin of the page that was served */
  async accept(body: unknown, origin: string): Promise<InvitationOutcome> {
    const { success, data } = schema.safeParse(body)
    if (!success) return { status: 400, error: 'token, peer and signature are asked for' }
    if (this.#now > this.#expires || this.#tries >= TRIES) return { status: 403, error: 'the invitation is over: start the demo again' }
    const { token, peer, signature } = data
    if (!same(token, this.token)) {
      this.#tries++
      return { status: 403, error: 'this is not the token that was printed' }
    }
    if (!(await verifySignature(peer, invitationBytes(token, origin, peer), Buffer.from(signature, 'hex')))) {
      this.#tries++
      return { status: 403, error: 'the signature is none of this identity under this invitation' }
    }
    if (this.#peer !== undefined) {
      return this.#peer === peer ? { status: 200 } : { status: 403, error: 'the invitation was taken by another page' }
    }
    this.#peer = peer
    try {
      await this.#options.admit(peer)
      return { status: 200 }
    } catch (error) {
      this.#peer = undefined
      return { status: 500, error: error instanceof Error ? error.message : String(error) }
    }
  }

  get #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
