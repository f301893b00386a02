/**
 * Signed documents: what a cohort, its models, grants and queries are made of.
 *
 * A document is canonical JSON; its identifier is the SHA-256 of the label of its kind and its bytes, in hexadecimal, so that a document of one kind never
 * stands for one of another. A signature is over that identifier and the signer:
 *
 *   signature over H("slytherin signed document" ‖ identifier ‖ signer)
 */
import * as z from 'zod'
import { canonicalBytes, canonicalJson, parseJson } from '../../base/canonical.js'
import { digest, fromHex, toHex } from '../../base/digest.js'
import { MalformedMessageError, SignatureError } from '../../errors/errors.js'
import { MAXIMUM_DESCRIPTOR_BYTES, MAXIMUM_PARTIES, MAXIMUM_TEXT_BYTES } from '../../terms/limits.js'
import type { Signer } from '../../terms/signer.js'

/** A peer id as text. */
export const peerSchema = z.string().min(1).max(MAXIMUM_TEXT_BYTES)
/** SHA-256 in hexadecimal: of a document, or of bytes. */
export const identifierSchema = z.string().regex(/^[0-9a-f]{64}$/)
/** 16 random bytes, hexadecimal: no two documents are the same. */
export const nonceSchema = z.string().regex(/^[0-9a-f]{32}$/)
/** Milliseconds since 1970. */
export const timeSchema = z.number().int().min(0)
/** A whole number from 0 to 2^40. */
export const countSchema = z
  .number()
  .int()
  .min(0)
  .max(2 ** 40)
/** What people call a cohort or a model. */
export const nameSchema = z.string().regex(/^[\w][\w.-]{0,63}$/)

const signatureSchema = z.strictObject({ peer: peerSchema, signature: z.string().regex(/^([0-9a-f]{2}){1,512}$/) })

/** One party's signature under a document. */
export interface Signature {
  readonly peer: string
  /** Hexadecimal. */
  readonly signature: string
}

/** A document with the signatures under it. */
export interface Signed<T> {
  readonly document: T
  /** In the order of their peers. */
  readonly signatures: readonly Signature[]
}

/** One kind of document. */
export interface DocumentKind<T> {
  /** Stands in the document's field `kind`. */
  readonly kind: string
  /** Of the document alone, signatures aside; unknown fields are refused. */
  readonly schema: z.ZodType<T>
  /** Whose signatures it takes to be in force, in order. */
  signers(document: T): readonly string[]
  /** What must hold of every such document, whoever reads it. @throws ProtocolError */
  check?(document: T, peer: string): void
}

/** Identifier of a document, hexadecimal. */
export function identify<T>({ kind }: DocumentKind<T>, document: T): string {
  return toHex(digest(`slytherin ${kind}`, canonicalBytes(document)))
}

/** The 32 bytes that a signer signs. */
export function signedDigest(identifier: string, signer: string): Uint8Array {
  return digest('slytherin signed document', fromHex(identifier), signer)
}

/** This party's signature under a document. */
export async function sign<T>(kind: DocumentKind<T>, document: T, signer: Signer): Promise<Signature> {
  const signature = await signer.sign(signedDigest(identify(kind, document), signer.self))
  return { peer: signer.self, signature: toHex(signature) }
}

/** A document with its signatures in canonical order, one for each signer. */
export function withSignatures<T>(document: T, signatures: readonly Signature[]): Signed<T> {
  const ofPeer = new Map(signatures.map(signature => [signature.peer, signature]))
  return { document, signatures: [...ofPeer.values()].sort((a, b) => (a.peer < b.peer ? -1 : 1)) }
}

/**
 * Others may have signed too, as dealers that leave do under the sharing after them.
 * @throws SignatureError unless everybody who must has signed it, and every signature is one; `peer` handed it over
 */
export async function checkSigned<T>(
  kind: DocumentKind<T>,
  { document, signatures }: Signed<T>,
  signer: Pick<Signer, 'verify'>,
  peer: string
): Promise<string> {
  const identifier = identify(kind, document)
  checkOrder(kind, signatures, peer)
  const fail = (signer: string, actual: string): SignatureError =>
    new SignatureError({
      peer,
      kind: kind.kind,
      field: 'signatures',
      expected: `a signature of ${signer} under ${kind.kind} ${identifier.slice(0, 16)}`,
      actual
    })
  for (const required of kind.signers(document)) {
    if (!signatures.some(signature => signature.peer === required)) throw fail(required, 'none')
  }
  for (const { peer: signing, signature } of signatures) {
    if (!(await signer.verify(signing, signedDigest(identifier, signing), fromHex(signature))))
      throw fail(signing, 'one that does not verify')
  }
  return identifier
}

/** What is kept and passed on has one form: each signer once, in the order of their peers. @throws MalformedMessageError */
function checkOrder<T>(kind: DocumentKind<T>, signatures: readonly Signature[], peer: string): void {
  const wrong = signatures.findIndex((signature, k) => k > 0 && signature.peer <= signatures[k - 1]!.peer)
  if (wrong < 0) return
  throw new MalformedMessageError({
    peer,
    kind: kind.kind,
    field: `signatures.${wrong}.peer`,
    expected: 'peers ascending, each once',
    actual: signatures[wrong]!.peer.slice(0, 80)
  })
}

/** Canonical JSON in UTF-8: how a document is kept and sent. */
export function encodeSigned<T>(signed: Signed<T>): Uint8Array {
  return canonicalBytes(signed)
}

/**
 * Parses a signed document; its signatures are checked by `checkSigned`.
 * @throws MalformedMessageError for what is not canonical JSON of the kind; what the kind's own check throws
 */
export function decodeSigned<T>(kind: DocumentKind<T>, bytes: Uint8Array, peer: string): Signed<T> {
  const malformed = (field: string, reason: string, cause?: unknown): MalformedMessageError =>
    new MalformedMessageError({ peer, kind: kind.kind, field, reason }, { cause })
  if (bytes.length > MAXIMUM_DESCRIPTOR_BYTES) throw malformed('document', 'too long')
  let json: unknown
  try {
    json = parseJson(bytes)
    if (canonicalJson(json) !== new TextDecoder().decode(bytes)) throw malformed('document', 'not canonical JSON')
  } catch (error) {
    if (error instanceof MalformedMessageError) throw error
    throw malformed('document', 'not JSON', error)
  }
  return parseSigned(kind, json, peer)
}

/** Schema of a signed document within a message; its kind's own check is made by `checkSigned`'s callers through `parseSigned`, or by the flow. */
export function signedSchema<T>(kind: DocumentKind<T>): z.ZodType<Signed<T>> {
  return z.strictObject({ document: kind.schema, signatures: z.array(signatureSchema).max(MAXIMUM_PARTIES) }) as unknown as z.ZodType<
    Signed<T>
  >
}

/** As `decodeSigned`, of JSON that has been parsed. */
export function parseSigned<T>(kind: DocumentKind<T>, json: unknown, peer: string): Signed<T> {
  const parsed = z.strictObject({ document: kind.schema, signatures: z.array(signatureSchema).max(MAXIMUM_PARTIES) }).safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new MalformedMessageError(
      { peer, kind: kind.kind, field: issue?.path.join('.') ?? '', reason: issue?.message ?? 'does not match the schema' },
      { cause: parsed.error }
    )
  }
  const { document, signatures } = parsed.data
  kind.check?.(document, peer)
  checkOrder(kind, signatures, peer)
  return { document, signatures }
}
