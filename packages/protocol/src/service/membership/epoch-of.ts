/** The record of an epoch among the documents, where it is known. */
import { EPOCH, type EpochRecord } from '../objects/epoch.js'
import type { DocumentStore } from '../store/documents.js'

export async function epochOf(documents: DocumentStore, epoch: string): Promise<EpochRecord | undefined> {
  const [name] = await documents.list({ kind: EPOCH.kind, epoch })
  return name === undefined ? undefined : (await documents.get(EPOCH, name.identifier))?.document
}
