/** What dealers announce and answer, under their signatures: the evaluator, through whose hands it goes, can swap none of it. */
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import { DEALT, type Dealt } from '../objects/ceremony.js'
import type { Holder } from '../objects/epoch.js'
import { checkSigned, type Signed, sign, withSignatures } from '../objects/signed.js'

/** @param round its hash, hexadecimal */
export async function signDealt(signer: Signer, round: string, what: Dealt['what'], bytes: Uint8Array): Promise<Signed<Dealt>> {
  const document: Dealt = { kind: 'dealt', version: 1, round, dealer: signer.self, what, hash: toHex(await hash(bytes)) }
  return withSignatures(document, [await sign(DEALT, document, signer)])
}

/** What has come of all dealers, in their order. */
export interface AllDealt {
  readonly round: string
  readonly dealers: readonly Holder[]
  readonly what: Dealt['what']
  readonly dealt: readonly Signed<Dealt>[]
  readonly bytes: readonly Uint8Array[]
}

/** @throws MalformedMessageError, SignatureError unless each dealer has signed what came as its; `peer` handed it over */
export async function checkDealt(
  { round, dealers, what, dealt, bytes }: AllDealt,
  signer: Pick<Signer, 'verify'>,
  kind: string,
  peer: string
): Promise<void> {
  if (dealt.length !== dealers.length || bytes.length !== dealers.length) {
    const actual = `${Math.min(dealt.length, bytes.length)}`
    throw new MalformedMessageError({ peer, kind, field: `${what}s`, expected: `${dealers.length}`, actual })
  }
  for (const [k, signed] of dealt.entries()) {
    const expected = { round, dealer: dealers[k]!.peer, what, hash: toHex(await hash(bytes[k]!)) }
    for (const field of ['round', 'dealer', 'what', 'hash'] as const) {
      const actual = signed.document[field]
      if (actual !== expected[field]) {
        throw new MalformedMessageError({ peer, kind, field: `dealt[${k}].${field}`, expected: expected[field], actual })
      }
    }
    await checkSigned(DEALT, signed, signer, peer)
  }
}
