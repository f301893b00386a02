/** Polynomials by the hash of the bytes in which they travel. */
import { type Polynomial, visitPacked } from '@slytherin/ring'
import { hashPieces } from './hash.js'

/** SHA-256 of a polynomial's packed residues in the domain it is in: of C1, of the bytes that travel. */
export function polynomialHash(polynomial: Polynomial): Uint8Array {
  return hashPieces(update => visitPacked(polynomial.ring, polynomial, update))
}
