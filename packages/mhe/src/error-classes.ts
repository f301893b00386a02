/** Every error class of this package, for whoever has to find one by its name: without the code that throws them. */
export * from './errors.js'
export * from './proofs/errors.js'
export * from './threshold/errors.js'
