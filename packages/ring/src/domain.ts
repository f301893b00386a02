/** 'coefficient': coefficients. 'ntt': values at the odd powers of the primitive 2N-th root. */
export type Domain = 'coefficient' | 'ntt'
