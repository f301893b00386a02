/** Whom a document concerns: who may ask what is between a model's owner, those who ask, and those who help; everything else is for everybody of the roster. */
import type { Role } from '../../terms/roster.js'
import type { ServiceDocument } from '../objects/filing.js'
import { GRANT } from '../objects/grant.js'
import type { DocumentStore } from '../store/documents.js'

const HELPING: readonly Role[] = ['evaluator', 'key-holder', 'witness']

export async function concerns(
  document: ServiceDocument,
  peer: string,
  { documents, hasRole }: { readonly documents: DocumentStore; hasRole(peer: string, role: Role): boolean }
): Promise<boolean> {
  if (document.kind !== 'grant' && document.kind !== 'revocation') return true
  if (HELPING.some(role => hasRole(peer, role)) || document.issuer === peer) return true
  const grant = document.kind === 'grant' ? document : (await documents.get(GRANT, document.grant))?.document
  return grant !== undefined && (grant.querier === peer || grant.senders.includes(peer))
}
