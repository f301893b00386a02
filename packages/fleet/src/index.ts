/**
 * Evaluation on several machines of one operator: a coordinator, workers, a queue between them, and a store that they share.
 *
 * @module
 */
export * from './configuration.js'
export * from './coordinator/fleet.js'
export type * from './coordinator/options.js'
export * from './errors.js'
export * from './mailbox/bull-mailbox.js'
export type * from './mailbox/mailbox.js'
export * from './mailbox/memory-mailbox.js'
export * from './open.js'
export type * from './store/backend.js'
export * from './store/contents.js'
export * from './store/directory-store.js'
export * from './store/disk-cache.js'
export * from './store/memory-store.js'
export * from './store/s3-store.js'
export * from './worker/worker.js'
