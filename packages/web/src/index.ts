/**
 * A querier in a page. What crosses to and from a cohort is the page's affair: bytes go out, bytes come back.
 *
 * @module
 */
export { EncryptedResultsError } from './errors.js'
export { PageQuerier, type PageQuery, type QuerierTerms } from './page-querier.js'
export { invitationBytes } from './querier/invitation.js'
