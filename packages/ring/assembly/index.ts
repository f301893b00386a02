export { multiplyAccumulate11, multiplyAccumulate21, multiplyAccumulate22 } from './accumulate'
export { probeFusedMultiplyAdd } from './arithmetic'
export { keyStream } from './chacha'
export { decodePacked, decodeWords, encodePacked, encodeWords } from './codec'
export { combineRows, mixedRadixDigit, mixedRadixValue } from './combine'
export { linearCombinations } from './linear-combination'
export { initialiseModulus } from './modulus'
export { automorphismCoefficients, automorphismOffsets, exchangeOrder, gather, gatherAdd, gatherSum } from './order'
export {
  add, copyBytes, heapBase, multiplyAddRows, multiplyConstantRow, multiplyRows, negate, reduceRow, reduceWideRow, storeAddress, subtract, subtractMultiplyConstantRow, zero
} from './pointwise'
export { sampleBits, sampleGaussian, sampleNormal, sampleTernary, sampleUniform } from './sampler'
export { buildPowers, buildTables, minimalRoot, multiplyModulo } from './tables'
export { backward, forward, forwardSubtractMultiply, forwardSubtractMultiplyAdd } from './transform'
