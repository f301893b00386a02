/**
 * A party's cryptography as the protocol sees it: bytes in, bytes out, asynchronous, so that it may live in a worker or in this process.
 *
 * One object serves all roles that a process holds; a flow is typed by the role that it plays, and sees no more of it. Every byte string that comes from the
 * network is checked inside (lengths, levels, residues below their primes) before it reaches arithmetic; such errors are typed by the packages that throw them
 * and are renamed to this package's classes by `translateError`.
 */
import type { DataOwnerCryptography } from './data-owner.js'
import type { EvaluatorCryptography } from './evaluator.js'
import type { KeyHolderCryptography } from './key-holder.js'
import type { ModelOwnerCryptography } from './model-owner.js'
import type { QuerierCryptography } from './querier.js'
import type { SessionCryptography } from './session.js'

/** All roles' cryptography in one object, as a process with several roles needs it. */
export interface PartyCryptography
  extends SessionCryptography,
    KeyHolderCryptography,
    ModelOwnerCryptography,
    DataOwnerCryptography,
    QuerierCryptography,
    EvaluatorCryptography {}
