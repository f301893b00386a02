/** What tests look at and nobody else needs: layouts and weights of packed layers, changes of basis, and plans derived again without a search. Exported as `@slytherin/engine/testing`. */
export { chebyshevToPower, clenshaw, powerToChebyshev } from '../numeric/chebyshev.js'
export { presentDiagonals } from '../packing/diagonal-mask.js'
export { fullDiagonals } from '../packing/diagonals.js'
export { periodicLayout } from '../packing/layout.js'
export { coreOf } from '../plan/compiled.js'
export { derivePlan } from '../plan/derive.js'
export { diagonalsWeight, tapsWeight } from '../vectors/weights.js'
