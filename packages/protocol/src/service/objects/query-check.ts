/** What a signed query must be, whoever reads it: evaluator before it queues it, key holders before they help. */
import { fromHex, hash, toHex } from '../../base/digest.js'
import { GrantRefusedError, MalformedMessageError, ReleaseRefusedError, SignatureError } from '../../errors/errors.js'
import type { Plan } from '../../terms/plan.js'
import type { Signer } from '../../terms/signer.js'
import { GRANT, type Grant, grantsModel } from './grant.js'
import { QUERY, type Query } from './query.js'
import { grantEpochs, type Release } from './release.js'
import { resultKeyDigest } from './result-key.js'
import { checkSigned, type Signed } from './signed.js'

/** A signed query with everything that it names. */
export interface QueryParts {
  readonly query: Signed<Query>
  readonly grant: Signed<Grant>
  readonly release: Release
  /** Identifier of the release. */
  readonly releaseName: string
  /** Of the release, parsed. */
  readonly plan: Plan
  /** Serialised. */
  readonly resultKey: Uint8Array
}

/**
 * Signatures, and that query, grant, release and key belong together. Whether the grant is spent, revoked or expired is for the books.
 * @throws SignatureError, MalformedMessageError, GrantRefusedError, ReleaseRefusedError
 */
export async function checkQuery(
  { query, grant, release, releaseName, plan, resultKey }: QueryParts,
  signer: Pick<Signer, 'verify'>,
  peer: string
): Promise<void> {
  const asked = query.document
  await checkSigned(QUERY, query, signer, peer)
  const grantName = await checkSigned(GRANT, grant, signer, peer)
  const malformed = (field: string, expected: string, actual: string): MalformedMessageError =>
    new MalformedMessageError({ peer, kind: 'query', field, expected, actual })
  if (asked.grant !== grantName) throw malformed('grant', asked.grant, grantName)
  if (asked.release !== releaseName) throw malformed('release', asked.release, releaseName)
  if (asked.epoch !== release.epoch)
    throw new ReleaseRefusedError({
      peer,
      kind: 'query',
      field: 'epoch',
      expected: release.epoch,
      actual: asked.epoch,
      remedy: 'Ask a release of this epoch.'
    })
  const { issuer, querier, senders, epoch } = grant.document
  const refused = (field: string, expected: string, actual: string): GrantRefusedError =>
    new GrantRefusedError({ peer, kind: 'query', field, expected, actual, remedy: `Ask ${issuer} for a grant that allows it.` })
  // A grant goes with the releases that it was given for, wherever they are moved.
  if (!grantEpochs(release).includes(epoch)) throw refused('epoch', asked.epoch, epoch)
  if (issuer !== release.owner) throw refused('issuer', release.owner, issuer)
  if (querier !== asked.querier) throw refused('querier', querier, asked.querier)
  if (!senders.includes(asked.sender)) throw refused('sender', senders.join(', ').slice(0, 300), asked.sender)
  if (!grantsModel(grant.document, release.name)) throw refused('models', grant.document.models.join(', ').slice(0, 300), release.name)
  if (asked.samples < 1 || asked.samples > plan.batch) throw malformed('samples', `1 to ${plan.batch}`, `${asked.samples}`)
  const key = toHex(await hash(resultKey))
  if (key !== asked.resultKey) throw malformed('resultKey', asked.resultKey, key)
  if (asked.sender !== asked.querier) {
    const digest = resultKeyDigest(asked.epoch, asked.querier, asked.sender, key)
    if (!(await signer.verify(asked.querier, digest, fromHex(asked.resultKeySignature)))) {
      throw new SignatureError({
        peer,
        kind: 'query',
        field: 'resultKeySignature',
        expected: `a signature of ${asked.querier} under the key`
      })
    }
  }
}
