/** What a party looks up in the documents that it keeps. */
import { ReleaseRefusedError } from '../../errors/errors.js'
import { parsePlan } from '../../terms/plan.js'
import type { Books } from '../membership/books.js'
import type { ServiceDocument } from '../objects/filing.js'
import { GRANT, type Grant } from '../objects/grant.js'
import { grantEpochs, RELEASE } from '../objects/release.js'
import { type DocumentKind, identify, type Signed } from '../objects/signed.js'
import type { DocumentStore } from '../store/documents.js'

/** All documents of a kind. */
export async function allOf<T extends ServiceDocument>(documents: DocumentStore, kind: DocumentKind<T>): Promise<Signed<T>[]> {
  return (await namedOf(documents, kind)).map(({ signed }) => signed)
}

/** All documents of a kind, with the identifiers under which they are kept. */
export async function namedOf<T extends ServiceDocument>(
  documents: DocumentStore,
  kind: DocumentKind<T>
): Promise<{ readonly identifier: string; readonly signed: Signed<T> }[]> {
  const names = await documents.list({ kind: kind.kind })
  const found = await Promise.all(names.map(async ({ identifier }) => ({ identifier, signed: await documents.get(kind, identifier) })))
  return found.flatMap(({ identifier, signed }) => (signed === undefined ? [] : [{ identifier, signed }]))
}

/** Of the model with this name of this owner's in an epoch: who asks, and when. */
export interface Asking {
  readonly sender: string
  readonly epoch: string
  readonly owner: string
  readonly model: string
  readonly now: number
}

/** Grants that allow it, best first: those in force that expire last. Grants go with releases that were moved to the epoch. */
export async function grantsFor(
  books: Pick<Books, 'isRevoked'>,
  documents: DocumentStore,
  { sender, epoch, owner, model, now }: Asking
): Promise<{ identifier: string; grant: Grant }[]> {
  const releases = (await allOf(documents, RELEASE)).map(({ document }) => document)
  const own = releases.filter(release => release.epoch === epoch && release.owner === owner && release.name === model)
  const epochs = new Set([epoch, ...own.flatMap(release => grantEpochs(release))])
  const found: { identifier: string; grant: Grant }[] = []
  for (const { document: grant } of await allOf(documents, GRANT)) {
    if (!epochs.has(grant.epoch) || grant.issuer !== owner || !grant.senders.includes(sender) || grant.expires < now) continue
    if (!grant.models.includes('*') && !grant.models.includes(model)) continue
    const identifier = identify(GRANT, grant)
    if (!(await books.isRevoked(grant.epoch, identifier))) found.push({ identifier, grant })
  }
  return found.sort((a, b) => b.grant.expires - a.grant.expires)
}

/** A plan has room for the flooding of so many shares, and no more. @throws ReleaseRefusedError naming a model in service that has not */
export async function demandThreshold(books: Books, documents: DocumentStore, epoch: string, threshold: number): Promise<void> {
  for (const { identifier, signed } of await namedOf(documents, RELEASE)) {
    const { document } = signed
    if (document.epoch !== epoch || (await books.isWithdrawn(identifier, document))) continue
    const planned = parsePlan(document.plan).threshold
    if (planned >= threshold) continue
    throw new ReleaseRefusedError({
      peer: document.owner,
      kind: 'release',
      field: 'plan.threshold',
      expected: `${threshold} at least`,
      actual: `${planned}`,
      reason: `${document.name} is planned for fewer shares than are to be summed`,
      remedy: `Reshare with a threshold of ${planned} at most, or withdraw the model and publish it anew.`
    })
  }
}
