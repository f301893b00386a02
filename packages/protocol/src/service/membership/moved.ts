/** Whether a moved release that somebody hands over is what comes of its move, by the documents that are here. */
import { EpochRefusedError, ReleaseRefusedError } from '../../errors/errors.js'
import { type EpochRecord, SHARING, type SharingRecord } from '../objects/epoch.js'
import { checkMoved } from '../objects/move.js'
import { RELEASE, type Release } from '../objects/release.js'
import type { DocumentStore } from '../store/documents.js'
import { epochOf } from './epoch-of.js'

/** Of a release whose signatures have been checked. @throws ReleaseRefusedError, DescriptorRejectedError; EpochRefusedError: it may come later */
export async function checkMovedRelease(moved: Release, documents: DocumentStore, peer: string): Promise<void> {
  const origin = moved.moved?.from.at(-1)
  if (origin === undefined) return
  const release = await documents.get(RELEASE, origin.release)
  if (release === undefined) {
    const expected = 'a release that is known here'
    throw new ReleaseRefusedError({
      peer,
      kind: 'release',
      field: 'moved.from',
      expected,
      actual: origin.release,
      remedy: 'It must come first.'
    })
  }
  const from = await known(documents, release.document.epoch, peer)
  const to = await known(documents, moved.epoch, peer)
  const sharing = await sharingOf(documents, from, moved.moved!.generation)
  if (sharing === undefined) {
    const actual = `generation ${moved.moved!.generation}`
    throw new ReleaseRefusedError({ peer, kind: 'release', field: 'moved.generation', expected: 'a sharing that is known here', actual })
  }
  checkMoved(moved, { release: release.document, identifier: origin.release, from, sharing, to }, peer)
}

async function known(documents: DocumentStore, epoch: string, peer: string): Promise<EpochRecord> {
  const record = await epochOf(documents, epoch)
  if (record !== undefined) return record
  const reason = 'this party does not know the epoch'
  throw new EpochRefusedError({ peer, kind: 'release', field: 'epoch', actual: epoch, reason, remedy: 'Its record must come first.' })
}

async function sharingOf(documents: DocumentStore, { sharing }: EpochRecord, generation: number): Promise<SharingRecord | undefined> {
  if (generation === 0) return sharing
  const [name] = await documents.list({ kind: SHARING.kind, epoch: sharing.epoch, name: String(generation) })
  return name === undefined ? undefined : (await documents.get(SHARING, name.identifier))?.document
}
