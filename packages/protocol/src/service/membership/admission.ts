/** Whether a signed document that somebody hands over is kept: signatures, and that whoever signed may. What is refused changes nothing. */
import { EpochRefusedError, GrantRefusedError, MalformedMessageError, NotPermittedError, ReleaseRefusedError } from '../../errors/errors.js'
import type { Role } from '../../terms/roster.js'
import type { Signer } from '../../terms/signer.js'
import { SHARING, type SharingRecord } from '../objects/epoch.js'
import { DOCUMENT_KINDS, filingOf, type ServiceDocument } from '../objects/filing.js'
import { GRANT } from '../objects/grant.js'
import { RELEASE } from '../objects/release.js'
import { checkSharing } from '../objects/sharing-check.js'
import { checkSigned, type DocumentKind, decodeSigned, type Signed } from '../objects/signed.js'
import type { DocumentStore } from '../store/documents.js'
import { epochOf } from './epoch-of.js'
import { checkMovedRelease } from './moved.js'

export interface AdmissionOptions {
  readonly signer: Pick<Signer, 'verify'>
  readonly documents: DocumentStore
  /** As configured. */
  hasRole(peer: string, role: Role): boolean
}

/** Kinds that parties tell each other. Proposals are for ceremonies, queries for the desk and its holders. */
const TOLD: ReadonlySet<string> = new Set(['epoch', 'sharing', 'release', 'withdrawal', 'grant', 'revocation'])

export function isTold(kind: string): boolean {
  return TOLD.has(kind)
}

/** @throws ProtocolError saying what is wrong; UnknownEpoch is one of them: it may come later */
export async function admit(
  kindName: string,
  bytes: Uint8Array,
  peer: string,
  options: AdmissionOptions
): Promise<{ kind: DocumentKind<ServiceDocument>; signed: Signed<ServiceDocument>; outcome: 'new' | 'known' }> {
  const kind = DOCUMENT_KINDS.find(({ kind: name }) => name === kindName)
  if (kind === undefined || !isTold(kindName)) {
    throw new MalformedMessageError({ peer, kind: 'members', field: 'kind', expected: [...TOLD].join(', '), actual: kindName.slice(0, 40) })
  }
  const signed = decodeSigned(kind, bytes, peer)
  await checkSigned(kind, signed, options.signer, peer)
  await checkAuthor(signed.document, peer, options)
  if (signed.document.kind === 'sharing') await checkNext(signed as Signed<SharingRecord>, peer, options)
  return { kind, signed, outcome: await options.documents.put(kind, signed) }
}

async function checkAuthor(document: ServiceDocument, peer: string, options: AdmissionOptions): Promise<void> {
  const { documents, hasRole } = options
  const permit = (who: string, role: Role): void => {
    if (hasRole(who, role)) return
    throw new NotPermittedError({
      peer,
      kind: document.kind,
      field: 'signer',
      expected: `a ${role} of the roster`,
      actual: who,
      remedy: 'Add it to the roster: slytherin roster add LINE.'
    })
  }
  if (document.kind === 'epoch') {
    permit(document.proposal.evaluator, 'evaluator')
    for (const holder of document.proposal.holders) permit(holder.peer, 'key-holder')
    for (const witness of document.proposal.witnesses) permit(witness, 'witness')
    return
  }
  const { epoch } = filingOf(document)
  const record = await epochOf(documents, epoch)
  if (record === undefined) {
    throw new EpochRefusedError({
      peer,
      kind: document.kind,
      field: 'epoch',
      actual: epoch,
      reason: 'this party does not know the epoch',
      remedy: 'Its record must come first.'
    })
  }
  switch (document.kind) {
    case 'release':
      permit(document.owner, 'model-owner')
      return await checkMovedRelease(document, documents, peer)
    case 'grant':
      return permit(document.issuer, 'model-owner')
    case 'withdrawal': {
      const release = await documents.get(RELEASE, document.release)
      if (release !== undefined && release.document.owner === document.owner) return
      throw new ReleaseRefusedError({
        peer,
        kind: 'withdrawal',
        field: 'owner',
        expected: release?.document.owner ?? 'a release that is known here',
        actual: document.owner
      })
    }
    case 'revocation': {
      const grant = await documents.get(GRANT, document.grant)
      if (grant !== undefined && grant.document.issuer === document.issuer) return
      throw new GrantRefusedError({
        peer,
        kind: 'revocation',
        field: 'issuer',
        expected: grant?.document.issuer ?? 'a grant that is known here',
        actual: document.issuer
      })
    }
  }
}

/** The sharing that it takes the place of is known here, and its holders agree. */
async function checkNext(signed: Signed<SharingRecord>, peer: string, { documents, signer }: AdmissionOptions): Promise<void> {
  const { epoch, generation } = signed.document
  const record = (await epochOf(documents, epoch))!
  if (generation === 1) return await checkSharing(signed, record.sharing, signer, peer)
  const [name] = await documents.list({ kind: SHARING.kind, epoch, name: String(generation - 1) })
  const before = name === undefined ? undefined : await documents.get(SHARING, name.identifier)
  await checkSharing(signed, before?.document ?? record.sharing, signer, peer)
}
