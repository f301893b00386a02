/** What tests look at and nobody else needs: layouts and weights of packed layers, and changes of basis. Exported as `@slytherin/engine/testing`. */
export { chebyshevToPower, clenshaw, powerToChebyshev } from '../numeric/chebyshev.js'
export { presentDiagonals } from '../packing/diagonal-mask.js'
export { fullDiagonals } from '../packing/diagonals.js'
export { periodicLayout } from '../packing/layout.js'
export { diagonalsWeight, tapsWeight } from '../vectors/weights.js'
